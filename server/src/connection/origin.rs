use axum::http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, HOST, ORIGIN, VARY,
    },
    uri::Authority,
};

/// Which web pages may connect.
///
/// A browser sends the page's `Origin` with every WebSocket and every cross-site request; a native client sends
/// none and is always let in. A page of the very host and port that it connects to is let in as well; every other
/// page only if it is listed. There are no cookies, so no answer ever allows credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Origins as browsers write them, `https://app.example.com`, or `*` for every page.
    pub allowed: Vec<String>,
    /// Pages of this machine itself, whatever their port: for development.
    pub loopback: bool,
}

/// A page that may not connect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign;

impl Origins {
    /// These pages, besides those of the same host.
    pub fn allow<I: IntoIterator<Item = S>, S: Into<String>>(origins: I) -> Self {
        Self { allowed: origins.into_iter().map(Into::into).collect(), loopback: false }
    }

    /// Gives the origin that the answer has to name, if the request names one.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Foreign> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        let text = origin.to_str().map_err(|_| Foreign)?;
        let known = origins.next().is_none()
            && (self.allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(text))
                || same_host(text, headers)
                || (self.loopback && is_loopback(text)));
        if known { Ok(Some(origin.clone())) } else { Err(Foreign) }
    }
}

/// Lets the page at that origin read the answer.
pub(super) fn share_with<B>(origin: &HeaderValue, response: &mut Response<B>) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// The answer to a browser that asks before it sends.
pub(super) fn preflight<B: Default>() -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn same_host(origin: &str, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Some((default_port, origin)) = split(origin) else { return false };
    let Ok(host) = host.parse::<Authority>() else { return false };
    // Behind a proxy that ends TLS the scheme of this connection says nothing; host and port do.
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(default_port) == host.port_u16().unwrap_or(default_port)
}

fn is_loopback(origin: &str) -> bool {
    split(origin)
        .is_some_and(|(_, authority)| matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]"))
}

fn split(origin: &str) -> Option<(u16, Authority)> {
    let (default_port, authority) = match origin.split_once("://")? {
        ("http", rest) => (80, rest),
        ("https", rest) => (443, rest),
        _ => return None,
    };
    Some((default_port, authority.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &str, host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(HOST, host.parse().unwrap());
        headers
    }

    #[test]
    fn native_clients_and_pages_of_the_same_host_are_let_in() {
        let origins = Origins::default();
        assert_eq!(origins.check(&HeaderMap::new()), Ok(None));
        for (origin, host) in [
            ("http://localhost:3000", "localhost:3000"),
            ("https://app.example.com", "app.example.com"),
            ("https://app.example.com", "APP.example.com:443"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(origins.check(&headers(origin, host)), Ok(Some(origin.parse().unwrap())), "{origin}");
        }
    }

    #[test]
    fn other_pages_are_foreign_unless_listed() {
        let foreign = [
            ("https://evil.example", "app.example.com"),
            ("http://localhost:5173", "localhost:3000"),
            ("https://app.example.com.evil.example", "app.example.com"),
            ("http://app.example.com:8080", "app.example.com"),
            ("null", "app.example.com"),
            ("file://app.example.com", "app.example.com"),
        ];
        for (origin, host) in foreign {
            assert_eq!(Origins::default().check(&headers(origin, host)), Err(Foreign), "{origin}");
            assert!(Origins::allow([origin]).check(&headers(origin, host)).is_ok(), "{origin}");
            assert!(Origins::allow(["*"]).check(&headers(origin, host)).is_ok(), "{origin}");
        }
    }

    #[test]
    fn loopback_pages_of_any_port_are_for_development() {
        let origins = Origins { loopback: true, ..Origins::default() };
        assert!(origins.check(&headers("http://localhost:5173", "127.0.0.1:3000")).is_ok());
        assert_eq!(origins.check(&headers("http://localhost.evil.example", "127.0.0.1:3000")), Err(Foreign));
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = headers("http://localhost:3000", "localhost:3000");
        headers.append(ORIGIN, "https://evil.example".parse().unwrap());
        assert_eq!(Origins::default().check(&headers), Err(Foreign));
    }
}
