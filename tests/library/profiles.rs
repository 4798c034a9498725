//! Execution profiles by name.

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::AllowList;
use chorus::{Cluster, Consistency, ErrorKind, ExecutionProfile, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::stage::Stage;

#[tokio::test]
async fn profiles_are_found_by_name_and_derived_from() {
    let hasty = ExecutionProfile::new().timeout(Duration::from_millis(30)).consistency(Consistency::One);
    let stage = Stage::with(|builder| builder.add_profile("hasty", hasty).page_size(7)).await;
    stage.run(crate::stage::NUMBERS).await;
    let names: Vec<String> = stage.session.profile_names().iter().map(|name| name.to_string()).collect();
    assert_eq!(names, ["default", "hasty"]);

    let held = stage.cluster.faults().add(Requests::containing("select"), Fault::Hold);
    let select = |profile: &ExecutionProfile| Statement::new("SELECT id FROM numbers").profile(profile);
    let hasty = stage.session.profile("hasty").expect("given");
    let error = stage.session.query(select(&hasty), ()).await.expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    stage.cluster.faults().remove(held);
    stage.cluster.faults().add(Requests::containing("select"), Fault::Delay(Duration::from_millis(100)));
    let patient = hasty.clone().timeout(Duration::from_secs(30));
    stage.session.query(select(&patient), ()).await.expect("the derived profile waits");
    stage.session.query(select(&stage.session.profile("default").expect("there")), ()).await.expect("10 s");

    let error = stage.session.profile("absent").expect_err("never given");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("default, hasty"), "{error}");
}

#[tokio::test]
async fn a_name_is_given_once() {
    let builder = Session::builder().contact_point("db");
    for twice in [
        builder.clone().add_profile("a", ExecutionProfile::new()).add_profile("a", ExecutionProfile::new()),
        builder.clone().add_profile("default", ExecutionProfile::new()),
    ] {
        assert_eq!(twice.build().expect_err("taken").kind(), ErrorKind::Config);
    }
    let stage = Stage::new().await;
    stage.session.add_profile("a", &ExecutionProfile::new()).await.expect("new");
    for name in ["a", "default"] {
        let error = stage.session.add_profile(name, &ExecutionProfile::new()).await.expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

/// Two datacenters of one node each.
fn two_datacenters() -> EmbeddedCluster {
    EmbeddedCluster::builder().datacenter("east", 1).datacenter("west", 1).start().expect("starts")
}

#[tokio::test]
async fn a_profile_added_later_is_connected_to_its_hosts_when_it_is_there() {
    let servers = two_datacenters();
    let east = AllowList::new([servers.address(0)]);
    let cluster = Cluster::builder()
        .contact_point(servers.address(0))
        .load_balancing(Arc::new(east))
        .build()
        .expect("valid");
    let (session, other) =
        (cluster.connect().await.expect("connects"), cluster.connect().await.expect("connects"));
    assert_eq!(servers.connections(1), 0);
    let west = AllowList::new([servers.address(1)]);
    let west = ExecutionProfile::new().load_balancing(Arc::new(west));
    session.add_profile("west", &west).await.expect("its host can be reached");
    assert!(servers.connections(1) > 0);
    let statement =
        Statement::new("SELECT key FROM system.local").profile(&session.profile("west").expect("added"));
    let result = session.query(statement, ()).await.expect("read");
    let host = session.state().host_at(servers.address(1)).expect("a member").index;
    assert_eq!(result.host(), host);
    other.profile("west").expect("sessions of a cluster have their profiles in common");
}

#[tokio::test]
async fn sessions_have_identities_of_their_own_and_servers_are_told_that_of_the_cluster() {
    let servers = EmbeddedCluster::start(1).expect("starts");
    let cluster = Cluster::builder().contact_points(servers.addresses()).build().expect("valid");
    let (one, two) = (cluster.connect().await.expect("connects"), cluster.connect().await.expect("connects"));
    assert_ne!(one.id(), two.id());
    assert_eq!(one.id(), one.clone().id());
    assert!(![one.id(), two.id()].contains(&cluster.id()));
    let another = Cluster::builder().contact_points(servers.addresses()).build().expect("valid");
    assert_ne!(cluster.id(), another.id());
}

#[tokio::test]
async fn astra_is_asked_at_local_quorum_unless_something_else_is_said() {
    let astra =
        || EmbeddedCluster::builder().offers("PRODUCT_TYPE", "DATASTAX_APOLLO").start().expect("starts");
    let asked = async |servers: &EmbeddedCluster, explicit: Option<Consistency>| {
        let mut builder = Session::builder().contact_points(servers.addresses());
        if let Some(consistency) = explicit {
            builder = builder.consistency(consistency);
        }
        let session = builder.connect().await.expect("connects");
        let select = Statement::new("SELECT key FROM system.local").tracing(true);
        let result = session.query(select, ()).await.expect("read");
        let trace = result.trace(&session).await.expect("traced");
        trace.parameters["consistency_level"].clone()
    };
    assert_eq!(asked(&astra(), None).await, "LOCAL_QUORUM");
    assert_eq!(asked(&astra(), Some(Consistency::One)).await, "ONE");
    assert_eq!(asked(&EmbeddedCluster::start(1).expect("starts"), None).await, "LOCAL_ONE");
}
