//! Options of sockets.

use std::net::IpAddr;
use std::time::Duration;

use chorus::{ErrorKind, Session};
use chorus_node::EmbeddedCluster;

#[tokio::test]
async fn sessions_work_with_every_option_of_sockets_and_dial_from_the_address_given() {
    let cluster = EmbeddedCluster::start(1).unwrap();
    let builder = || {
        Session::builder()
            .contact_points(cluster.addresses())
            .tcp_nodelay(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .tcp_send_buffer(Some(64 << 10))
            .tcp_receive_buffer(Some(64 << 10))
    };
    let local = IpAddr::from([127, 0, 0, 1]);
    let session = builder().local_address(Some(local)).connect().await.unwrap();
    session.query("SELECT key FROM system.local", ()).await.unwrap();
    // An address that this machine has not got leads nowhere, and is no reason to dial from another.
    let error = builder().local_address(Some(IpAddr::from([192, 0, 2, 1]))).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
}

#[tokio::test]
async fn buffers_of_no_size_are_refused_before_anything_is_dialled() {
    for builder in
        [Session::builder().tcp_send_buffer(Some(0)), Session::builder().tcp_receive_buffer(Some(u32::MAX))]
    {
        let error = builder.contact_point("127.0.0.1").connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("buffer is"), "{error}");
    }
}
