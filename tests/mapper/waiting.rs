//! The mapper without a runtime.

use chorus::blocking::{self, wait};
use chorus::mapper::{Mapper, Tracked};
use chorus_node::EmbeddedCluster;
use futures::TryStreamExt;

use crate::tables::{User, make_tables};

#[test]
fn every_operation_can_be_waited_for() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let builder = chorus::Session::builder().contact_points(cluster.addresses());
    let session = blocking::Session::connect(builder).expect("connects");
    wait(make_tables(session.as_async(), "shop"));
    let mapper = Mapper::new(session.as_async());
    wait(mapper.insert(&User::new(1, "a")).if_not_exists()).expect("inserted");
    let mut user: Tracked<User> = wait(mapper.get::<User>((1,)).tracked()).expect("there");
    user.version = Some(2);
    wait(user.save(&mapper)).expect("saved");
    let mut stream = wait(mapper.select::<User>().only(User::VERSION).stream()).expect("begun");
    assert_eq!(wait(stream.try_next()).expect("read"), Some(2));
    assert_eq!(wait(mapper.insert_all::<User>([User::new(2, "b")])).expect("written").written, 1);
    wait(mapper.batch().push(mapper.delete::<User>((1,)))).expect("deleted");
    assert_eq!(wait(mapper.select::<User>().count()).expect("read"), 1);
}
