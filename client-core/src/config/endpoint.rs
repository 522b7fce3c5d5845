use keepline_protocol::engine_io;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};
use url::{Host, Url, form_urlencoded};

use crate::error::OpenError;

/// Where and how to dial, put together once.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) is_secure: bool,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The WebSocket request's address.
    pub(crate) uri: Uri,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What of the config concerns the endpoint.
#[derive(Debug)]
pub(super) struct EndpointOptions<'a> {
    pub(super) url: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a [(String, String)],
    pub(super) allow_plain_text: bool,
}

impl Endpoint {
    pub(super) fn new(options: &EndpointOptions<'_>) -> Result<Self, OpenError> {
        let url = Url::parse(options.url).map_err(|_| OpenError::BadUrl)?;
        let is_secure = match url.scheme() {
            "wss" | "https" => true,
            "ws" | "http" => false,
            _ => return Err(OpenError::BadUrl),
        };
        let host = url.host().ok_or(OpenError::BadUrl)?;
        if !is_secure && !options.allow_plain_text && !is_loopback(&host) {
            return Err(OpenError::BadUrl);
        }
        check_url(&url, options.path)?;
        let port = url.port_or_known_default().ok_or(OpenError::BadUrl)?;
        Ok(Self {
            is_secure,
            host: bare(&host),
            port,
            uri: uri(&url, is_secure, options)?,
            headers: headers(options.headers)?,
        })
    }
}

/// The URL names a server. A path in it would be the namespace for one reader and the engine's path for another, so
/// it has to be none or the very path that the options name.
fn check_url(url: &Url, path: &str) -> Result<(), OpenError> {
    let path_fits = url.path() == "/" || url.path().trim_end_matches('/') == path.trim_end_matches('/');
    let has_more = url.fragment().is_some() || !url.username().is_empty() || url.password().is_some();
    let has_token = url.query_pairs().any(|(key, _)| is_token(&key));
    if path_fits && !has_more && !has_token { Ok(()) } else { Err(OpenError::BadUrl) }
}

fn uri(url: &Url, is_secure: bool, options: &EndpointOptions<'_>) -> Result<Uri, OpenError> {
    if !options.path.starts_with('/') || options.path.contains(['?', '#']) {
        return Err(OpenError::BadConfig { option: "path" });
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("EIO", engine_io::VERSION).append_pair("transport", "websocket");
    let in_url = url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned()));
    for (key, value) in in_url.chain(options.query.iter().cloned()) {
        if is_token(&key) || RESERVED_KEYS.contains(&key.as_str()) {
            return Err(OpenError::BadConfig { option: "query" });
        }
        query.append_pair(&key, &value);
    }
    let scheme = if is_secure { "wss" } else { "ws" };
    let host = url.host_str().ok_or(OpenError::BadUrl)?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let text = format!("{scheme}://{host}{port}{}?{}", options.path, query.finish());
    text.parse().map_err(|_| OpenError::BadConfig { option: "path" })
}

fn headers(pairs: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>, OpenError> {
    let bad = || OpenError::BadConfig { option: "headers" };
    pairs
        .iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().map_err(|_| bad())?;
            let is_ours =
                RESERVED_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("sec-websocket-");
            if is_ours {
                return Err(bad());
            }
            let mut value: HeaderValue = value.parse().map_err(|_| bad())?;
            // A header may carry a secret; this keeps it out of `Debug`.
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

/// A token in a URL ends up in the logs of every proxy on the way.
fn is_token(key: &str) -> bool {
    TOKEN_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn bare(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

const TOKEN_KEYS: [&str; 4] = ["token", "access_token", "auth_token", "jwt"];

/// The engine's own.
const RESERVED_KEYS: [&str; 4] = ["EIO", "transport", "sid", "t"];

/// The handshake's own.
const RESERVED_HEADERS: [&str; 5] = ["connection", "upgrade", "content-length", "transfer-encoding", "te"];

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: EndpointOptions<'_> =
        EndpointOptions { url: "", path: "/socket.io/", query: &[], headers: &[], allow_plain_text: false };

    fn endpoint(url: &str) -> Result<Endpoint, OpenError> {
        Endpoint::new(&EndpointOptions { url, ..PLAIN })
    }

    #[test]
    fn schemes_become_web_sockets() {
        for (url, uri, port) in [
            ("wss://example.org", "wss://example.org/socket.io/?EIO=4&transport=websocket", 443),
            (
                "https://example.org:8443/",
                "wss://example.org:8443/socket.io/?EIO=4&transport=websocket",
                8443,
            ),
            ("http://127.0.0.1:3000", "ws://127.0.0.1:3000/socket.io/?EIO=4&transport=websocket", 3000),
            ("ws://[::1]:9/socket.io/", "ws://[::1]:9/socket.io/?EIO=4&transport=websocket", 9),
            ("ws://localhost/socket.io", "ws://localhost/socket.io/?EIO=4&transport=websocket", 80),
            (
                "wss://example.org?room=a+b",
                "wss://example.org/socket.io/?EIO=4&transport=websocket&room=a+b",
                443,
            ),
        ] {
            let endpoint = endpoint(url).unwrap();
            assert_eq!((endpoint.uri.to_string().as_str(), endpoint.port), (uri, port), "{url}");
        }
        assert_eq!(endpoint("ws://[::1]").unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "wss://",
            "wss://example.org/admin",
            "wss://u:p@example.org",
            "wss://example.org/#a",
            "wss://example.org/?token=abc",
            "wss://example.org/?Access_Token=abc",
        ] {
            assert_eq!(endpoint(url).unwrap_err(), OpenError::BadUrl, "{url}");
        }
    }

    #[test]
    fn plain_text_goes_to_loopback_only_unless_asked_for() {
        for url in
            ["ws://example.org", "http://10.0.2.2:3000", "ws://[2001:db8::1]", "ws://localhost.example.org"]
        {
            assert_eq!(endpoint(url).unwrap_err(), OpenError::BadUrl, "{url}");
            assert!(
                Endpoint::new(&EndpointOptions { url, allow_plain_text: true, ..PLAIN }).is_ok(),
                "{url}"
            );
        }
        for url in ["ws://localhost", "ws://api.localhost", "ws://127.8.9.1", "ws://[::1]"] {
            assert!(endpoint(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn reserved_keys_and_headers_are_refused() {
        let with = |query: &[(&str, &str)], headers: &[(&str, &str)]| {
            let own = |pairs: &[(&str, &str)]| -> Vec<_> {
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
            };
            let (query, headers) = (own(query), own(headers));
            let options = EndpointOptions { url: "wss://a", query: &query, headers: &headers, ..PLAIN };
            Endpoint::new(&options)
        };
        for key in ["EIO", "sid", "transport", "token", "JWT"] {
            assert_eq!(
                with(&[(key, "1")], &[]).unwrap_err(),
                OpenError::BadConfig { option: "query" },
                "{key}"
            );
        }
        for (name, value) in
            [("Upgrade", "x"), ("sec-websocket-key", "x"), ("a b", "x"), ("X-A", "line\nbreak"), ("", "x")]
        {
            let refused = with(&[], &[(name, value)]).unwrap_err();
            assert_eq!(refused, OpenError::BadConfig { option: "headers" }, "{name}");
        }
        let endpoint = with(&[("room", "a b")], &[("Authorization", "Bearer canary")]).unwrap();
        assert!(endpoint.uri.to_string().ends_with("&room=a+b"));
        assert!(!format!("{endpoint:?}").contains("canary"));
    }
}
