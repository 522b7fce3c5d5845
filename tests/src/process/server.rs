use std::{
    fmt,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    path::PathBuf,
};

use tokio::process::Command;

use super::{Process, ProcessError, binary};

/// How to start a `keepline-server`.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Its data folder.
    pub data: PathBuf,
    /// Its port on 127.0.0.1; 0 picks one.
    pub port: u16,
    /// Whether it runs with `--dev`, which also makes it print a token.
    pub dev: bool,
    /// Further flags.
    pub args: Vec<String>,
    /// The program, where it is not the workspace's own.
    pub program: Option<PathBuf>,
}

impl ServerOptions {
    /// A `--dev` server on a port of its choice.
    pub fn dev(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), port: 0, dev: true, args: Vec::new(), program: None }
    }

    /// On this port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With these flags too.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    fn command(&self) -> Result<Command, ProcessError> {
        let program = self.program.clone().map_or_else(|| binary("keepline-server"), Ok)?;
        let mut command = Command::new(program);
        command.arg("serve");
        if self.dev {
            command.arg("--dev");
        }
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port)).arg("--data").arg(&self.data);
        command.args(&self.args);
        // What is set in the shell that runs the tests is not part of a test.
        command.env_remove("KEEPLINE_JWT_SECRET").env_remove("KEEPLINE_TOKEN");
        Ok(command)
    }
}

/// A running `keepline-server` that listens. It is a [`Process`] too.
pub struct ServerProcess {
    process: Process,
    options: ServerOptions,
    addr: SocketAddr,
    url: String,
    token: Option<String>,
    page: Option<String>,
}

impl ServerProcess {
    /// Starts it and reads what it says first.
    ///
    /// # Errors
    /// [`ProcessError`] where it is not built, does not start, or says something else.
    pub async fn start(options: ServerOptions) -> Result<Self, ProcessError> {
        let mut process = Process::spawn("keepline-server", options.command()?)?;
        let (url, addr) = process.line_where("the line that says where it listens", listening).await?;
        let (mut token, mut page) = (None, None);
        if options.dev {
            token = Some(process.line_where("its token", |line| after("token: ", line)).await?);
            page = Some(process.line_where("its page", |line| after("page: ", line)).await?);
        }
        Ok(Self { process, options, addr, url, token, page })
    }

    /// Starts it again, after it was killed or has ended, with the same data and on the same port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_again(&mut self) -> Result<(), ProcessError> {
        let options = self.options.clone().port(self.addr.port());
        *self = Self::start(options).await?;
        Ok(())
    }

    /// `http://ADDR`, or `https://ADDR`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The token it printed; only of a `--dev` server.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The page it printed; only of a `--dev` server.
    pub fn page(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// Prints a token for a subject, with `keepline-server token`.
    ///
    /// # Errors
    /// [`ProcessError`] where the command fails or prints nothing.
    pub async fn token_for(&self, subject: &str, ttl: &str) -> Result<String, ProcessError> {
        let program = self.options.program.clone().map_or_else(|| binary("keepline-server"), Ok)?;
        let mut command = Command::new(program);
        command.args(["token", "--sub", subject, "--ttl", ttl, "--data"]).arg(&self.options.data);
        command.env_remove("KEEPLINE_JWT_SECRET");
        Process::spawn("keepline-server token", command)?.line_where("a token", |line| after("", line)).await
    }
}

impl Deref for ServerProcess {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for ServerProcess {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProcess")
            .field("url", &self.url)
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

fn listening(line: &str) -> Option<(String, SocketAddr)> {
    let url = after("keepline-server listening on ", line)?;
    let addr = url.split_once("://")?.1.parse().ok()?;
    Some((url, addr))
}

fn after(start: &str, line: &str) -> Option<String> {
    line.strip_prefix(start).map(|rest| rest.trim().to_owned()).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_the_server_listens() {
        let (url, addr) = listening("keepline-server listening on http://127.0.0.1:4321").unwrap();
        assert_eq!((url.as_str(), addr.port()), ("http://127.0.0.1:4321", 4321));
        assert!(listening("keepline-server listening on nothing").is_none());
        assert!(listening("token: x").is_none());
    }
}
