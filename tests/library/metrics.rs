//! What a session counts.

use chorus::metrics::{RequestKind, RequestOutcome};
use chorus::policy::RoutingQuality;

use crate::stage::Stage;

#[tokio::test]
async fn requests_are_counted_by_kind_and_outcome() {
    let stage = Stage::with_numbers().await;
    let before = stage.session.metrics().await.expect("open");
    let insert = stage.insert().await;
    for id in 0..30 {
        stage.session.execute(&insert, (id, id)).await.expect("written");
    }
    stage.session.query("SELECT id FROM numbers", ()).await.expect("read");
    stage.session.query("SELECT nothing FROM numbers", ()).await.expect_err("no such column");
    let after = stage.session.metrics().await.expect("open");
    let of = |kind: RequestKind, outcome: RequestOutcome| {
        let (kind, outcome) = (kind as usize, outcome as usize);
        after.requests[kind][outcome] - before.requests[kind][outcome]
    };
    assert_eq!(of(RequestKind::Write, RequestOutcome::Ok), 30);
    assert_eq!(of(RequestKind::Read, RequestOutcome::Ok), 1);
    assert_eq!(of(RequestKind::Read, RequestOutcome::Error), 1);
    assert_eq!(after.routed(RoutingQuality::Replica) - before.routed(RoutingQuality::Replica), 30);
    assert!(after.latency.count() >= before.latency.count() + 32);
    assert_eq!(after.hosts.len(), 1);
    assert_eq!((after.connections, after.in_flight, after.stale_reactors), (1, 0, 0));
}

#[tokio::test]
async fn requests_that_are_made_together_leave_in_few_writes() {
    for version in [chorus::ProtocolVersion::V4, chorus::ProtocolVersion::V5] {
        let stage = Stage::with(|builder| builder.protocol_version(version)).await;
        stage.run(crate::stage::NUMBERS).await;
        let insert = stage.insert().await;
        let before = stage.session.metrics().await.expect("open").traffic;
        let requests = (0..64).map(|id| stage.session.execute(&insert, (id, id)));
        futures::future::try_join_all(requests).await.expect("written");
        let after = stage.session.metrics().await.expect("open").traffic;
        assert_eq!(after.attempts - before.attempts, 64);
        let writes = after.writes - before.writes;
        assert!(writes <= 8, "{version}: {writes} writes for 64 requests");
    }
}

#[cfg(feature = "prometheus")]
#[tokio::test]
async fn endpoint_serves_the_sessions_and_the_programs_numbers() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let stage = Stage::with_numbers().await;
    stage.session.execute(&stage.insert().await, (1, 1)).await.expect("written");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("known");
    let endpoint = chorus::metrics::PrometheusEndpoint::start_with(free, &stage.session, || {
        metrics::counter!("shop_orders_total").absolute(3);
    })
    .expect("the port is free");
    assert!(
        chorus::metrics::PrometheusEndpoint::start(free, &stage.session).is_err(),
        "a port that is taken is an error"
    );
    let page = loop {
        let mut socket = tokio::net::TcpStream::connect(endpoint.address()).await.expect("it listens");
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .expect("sent");
        let mut page = String::new();
        socket.read_to_string(&mut page).await.expect("answered");
        if page.contains("shop_orders_total") {
            break page;
        }
    };
    assert!(page.contains("chorus_requests_total{kind=\"write\",outcome=\"ok\"} 1"), "{page}");
    assert!(page.contains("# TYPE chorus_request_duration_seconds histogram"), "{page}");
    assert!(page.contains("shop_orders_total 3"), "{page}");
    drop(endpoint);
    assert!(tokio::net::TcpStream::connect(free).await.is_err(), "nothing listens any more");
}
