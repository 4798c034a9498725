//! What the service says about the hosts.

use serde::Deserialize;
use uuid::Uuid;

use super::problem::BundleProblem;

/// What the answer is called in errors.
pub(super) const ANSWER: &str = "the service's answer";

/// The port of a proxy that tells none.
const DEFAULT_PORT: u16 = 9042;
/// More are not asked, and one that answers is enough.
const MOST_HOSTS: usize = 1024;

/// Where the hosts are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) datacenter: Option<String>,
    /// Host name or address of the proxy.
    pub(super) proxy: String,
    pub(super) port: u16,
    /// Whom to ask first; at least one.
    pub(super) hosts: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Answer {
    contact_info: ContactInfo,
}

#[derive(Deserialize)]
struct ContactInfo {
    local_dc: Option<String>,
    sni_proxy_address: String,
    contact_points: Vec<String>,
}

impl Metadata {
    pub(super) fn parse(answer: &[u8]) -> Result<Self, BundleProblem> {
        let damaged = |reason: String| BundleProblem::Damaged { part: ANSWER, reason: reason.into() };
        let answer: Answer = serde_json::from_slice(answer).map_err(|error| damaged(error.to_string()))?;
        let ContactInfo { local_dc, sni_proxy_address, contact_points } = answer.contact_info;
        let (proxy, port) = split(&sni_proxy_address)
            .ok_or_else(|| damaged(format!("{sni_proxy_address:?} is no address of a proxy")))?;
        let hosts: Result<Vec<Uuid>, _> =
            contact_points.iter().take(MOST_HOSTS).map(|host| host.parse::<Uuid>()).collect();
        let hosts = hosts.map_err(|error| damaged(format!("a contact point is no host id: {error}")))?;
        if hosts.is_empty() {
            return Err(damaged("it names no contact point".into()));
        }
        Ok(Self { datacenter: local_dc.filter(|name| !name.is_empty()), proxy, port, hosts })
    }
}

/// `host`, `host:port` or `[address]:port`.
fn split(text: &str) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")).unwrap_or("x"))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = if port.is_empty() { Some(DEFAULT_PORT) } else { port.parse().ok() };
    let usable = !host.is_empty() && !host.contains(char::is_whitespace);
    Some((usable.then(|| host.to_owned())?, port.filter(|port| *port != 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_proxy_and_the_hosts_behind_it() {
        let answer = br#"{"version": 1, "region": "here", "contact_info": {"type": "sni_proxy", "local_dc": "dc-1",
            "sni_proxy_address": "proxy.example:29042",
            "contact_points": ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"]}}"#;
        let expected = Metadata {
            datacenter: Some("dc-1".into()),
            proxy: "proxy.example".into(),
            port: 29042,
            hosts: vec![Uuid::from_u128(1), Uuid::from_u128(2)],
        };
        assert_eq!(Metadata::parse(answer), Ok(expected));
    }

    #[test]
    fn a_proxy_without_a_port_has_the_usual_one_and_one_without_sense_is_refused() {
        let proxy = |text: &str| split(text).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(proxy("proxy.example").as_deref(), Some("proxy.example 9042"));
        assert_eq!(proxy("proxy.example:1").as_deref(), Some("proxy.example 1"));
        assert_eq!(proxy("[2001:db8::1]:29042").as_deref(), Some("2001:db8::1 29042"));
        assert_eq!(proxy("[2001:db8::1]").as_deref(), Some("2001:db8::1 9042"));
        for senseless in
            ["", ":9042", "proxy:0", "proxy:70000", "proxy:x", "a b:1", "[::1", "[::1]x", "a:1:2"]
        {
            assert_eq!(proxy(senseless), None, "{senseless:?}");
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_the_services_fault() {
        let info = |proxy: &str, points: &str| {
            format!(r#"{{"contact_info": {{"sni_proxy_address": {proxy}, "contact_points": {points}}}}}"#)
        };
        for answer in [
            String::new(),
            "<html>".into(),
            "{}".into(),
            info("\"p:1\"", "[]"),
            info("\"p:1\"", "[\"not a host id\"]"),
            info("\"p:0\"", "[\"00000000-0000-0000-0000-000000000001\"]"),
            info("7", "[]"),
        ] {
            let problem = Metadata::parse(answer.as_bytes()).unwrap_err();
            assert!(problem.is_of_service(), "{answer}: {problem}");
        }
    }
}
