//! The addresses of all contact points, each as soon as it makes sense to try it.

use std::io;
use std::time::Duration;

use chorus_topology::Endpoint;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::config::{ContactPoint, EngineConfig};

/// How long the given order is kept although a name is slow to resolve. After that whatever is resolved is tried.
const PATIENCE: Duration = Duration::from_millis(250);

/// A contact point and the addresses it stands for.
pub(super) type Resolved = (ContactPoint, io::Result<Vec<Endpoint>>);

/// Resolves all contact points at the same time and hands them out one after the other.
pub(super) struct Contacts<'a> {
    resolving: FuturesUnordered<BoxFuture<'a, (usize, Resolved)>>,
    /// By place in the configuration; empty while being resolved and once handed out.
    resolved: Vec<Option<Resolved>>,
    /// The first that was not handed out.
    next: usize,
    patience: Instant,
}

impl<'a> Contacts<'a> {
    pub(super) fn new(config: &'a EngineConfig) -> Self {
        let points = config.contacts();
        let resolved = points.iter().map(|_| None).collect();
        let resolve = |(index, point): (usize, ContactPoint)| -> BoxFuture<'a, _> {
            Box::pin(async move {
                let found = point.resolve(config.port, config.connect_timeout, &config.resolver).await;
                (index, (point, found))
            })
        };
        Self {
            resolving: points.into_iter().enumerate().map(resolve).collect(),
            resolved,
            next: 0,
            patience: Instant::now() + PATIENCE,
        }
    }

    /// The next contact point in the given order, or another that is resolved when that one takes too long. `None` when all
    /// were handed out.
    pub(super) async fn next(&mut self) -> Option<Resolved> {
        while let Some(slot) = self.resolved.get_mut(self.next) {
            if let Some(resolved) = slot.take() {
                self.next += 1;
                return Some(resolved);
            }
            match timeout_at(self.patience, self.resolving.next()).await {
                Ok(Some((index, resolved))) => self.resolved[index] = Some(resolved),
                // It was handed out before its turn.
                Ok(None) => self.next += 1,
                Err(_) => break,
            }
        }
        if let Some(resolved) = self.resolved.iter_mut().find_map(Option::take) {
            return Some(resolved);
        }
        self.resolving.next().await.map(|(_, resolved)| resolved)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use super::*;
    use crate::config::Resolver;

    /// Resolves at once, but names that begin with `slow` never within the test.
    #[derive(Debug)]
    struct Names;

    impl Resolver for Names {
        fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            if name.starts_with("slow") {
                std::thread::sleep(Duration::from_secs(30));
            }
            match name.starts_with("lost") {
                true => Err(io::Error::other("no such name")),
                false => Ok(vec![([10, 0, 0, name.len() as u8], port).into()]),
            }
        }
    }

    fn config(points: &[&str]) -> EngineConfig {
        let points: Vec<ContactPoint> = points.iter().map(|point| point.parse().unwrap()).collect();
        let mut config = EngineConfig::new(points);
        config.resolver = Arc::new(Names);
        config.connect_timeout = Duration::from_secs(1);
        config
    }

    async fn all(config: &EngineConfig) -> Vec<(String, bool)> {
        let mut contacts = Contacts::new(config);
        let mut found = Vec::new();
        while let Some((point, addresses)) = contacts.next().await {
            found.push((point.to_string(), addresses.is_ok()));
        }
        found
    }

    #[tokio::test]
    async fn contact_points_are_tried_in_the_order_given() {
        let config = config(&["b", "127.0.0.1", "lost", "a"]);
        let expected = [("b", true), ("127.0.0.1", true), ("lost", false), ("a", true)];
        assert_eq!(all(&config).await, expected.map(|(name, ok)| (name.to_owned(), ok)));
    }

    #[tokio::test]
    async fn f66_a_resolver_that_hangs_delays_the_others_by_a_moment_and_costs_the_connect_timeout() {
        let config = config(&["slow", "a", "127.0.0.1"]);
        // Once in three times at least, because the machine may be busy with other things.
        let mut tries = Vec::new();
        let (began, mut contacts) = loop {
            let (began, mut contacts) = (std::time::Instant::now(), Contacts::new(&config));
            for expected in ["a", "127.0.0.1"] {
                let (point, addresses) = contacts.next().await.unwrap();
                assert_eq!((point.to_string().as_str(), addresses.is_ok()), (expected, true));
            }
            tries.push(began.elapsed());
            if tries.last() < Some(&Duration::from_millis(750)) {
                break (began, contacts);
            }
            assert!(tries.len() < 3, "{tries:?}");
        };
        let (point, addresses) = contacts.next().await.unwrap();
        assert_eq!(point.to_string(), "slow");
        assert_eq!(addresses.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(contacts.next().await.is_none());
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "half of what the name would take: {:?}",
            began.elapsed()
        );
    }
}
