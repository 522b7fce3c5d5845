import Keepline
print(Client.version)
