//! Putting a session's control plane on stage: the cluster actor and the control actor, which know each other from the start.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Addr, AsyncContext};
use chorus_topology::Rng;
use tokio::sync::oneshot;

use super::ClusterActor;
use super::digest::Meanwhile;
use super::members::Members;
use super::survey::StatusChanges;
use super::tablets::Tablets;
use super::unfinished::Unfinished;
use crate::config::{Directory, EngineConfig};
use crate::connection::ConnectionSettings;
use crate::connection::handshake::ConnectError;
use crate::control::{ControlActor, ControlSetup};
use crate::coordinator::{CoordinatorActor, CoordinatorPort};
use crate::engine::Published;
use crate::mail::{Census, Mail};
use crate::reactor::Stage;

/// What a cluster actor is started with.
pub(crate) struct ClusterSetup {
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) published: Arc<Published>,
    /// Of every reactor, in order.
    pub(crate) coordinators: Vec<Addr<CoordinatorActor>>,
    pub(crate) census: Arc<Census>,
    /// Told once, when the session can be handed out or cannot be had.
    pub(crate) ready: oneshot::Sender<Result<(), ConnectError>>,
}

/// Puts the control plane of a session on stage; its first reactor's.
pub(crate) fn start(
    stage: &Stage,
    coordinator: &Rc<CoordinatorPort>,
    setup: ClusterSetup,
) -> Mail<ClusterActor> {
    let connection = settings(&setup.config);
    let directory: Arc<Directory> = Arc::default();
    let mut way = None;
    stage.start_with(|ctx| {
        let (mail, presence) = setup.census.admit("cluster", ctx.address());
        way = Some(mail.clone());
        let control = ControlSetup {
            config: Arc::clone(&setup.config),
            fetch: Arc::clone(&setup.published.fetch),
            cluster: mail.clone(),
            stage: stage.clone(),
            coordinator: Rc::clone(coordinator),
            connection: connection.clone(),
            directory: Arc::clone(&directory),
        };
        let coordinators: Arc<[_]> = setup.coordinators.into();
        let control = ControlActor::start(control, &setup.census);
        ClusterActor {
            members: Members::new(
                &setup.config,
                connection,
                Arc::clone(&coordinators),
                stage.clone(),
                setup.census,
                directory,
                Arc::clone(&setup.published.statements),
            ),
            keyspace: setup.config.keyspace.as_deref().map(Arc::from),
            config: setup.config,
            published: setup.published,
            coordinators,
            control,
            ready: Some(setup.ready),
            grace: false,
            tablets: Tablets::default(),
            contact: None,
            translated: Arc::default(),
            awaiting: Vec::new(),
            digesting: false,
            meanwhile: Meanwhile::default(),
            unfinished: Unfinished::default(),
            second_look: None,
            control_lost: false,
            last_resort: false,
            rng: Rng::from_entropy(),
            changes: StatusChanges::default(),
            stopping: false,
            mail,
            _presence: presence,
        }
    });
    way.expect("the actor was made a moment ago")
}

/// How the connections of a session behave.
fn settings(config: &EngineConfig) -> ConnectionSettings {
    ConnectionSettings {
        window: config.limits.in_flight_per_connection,
        max_frame: config.limits.frame_bytes,
        heartbeat_interval: Some(config.heartbeat.interval).filter(|interval| !interval.is_zero()),
        heartbeat_timeout: config.heartbeat.timeout,
        max_orphans: config.limits.orphans_per_connection,
        ..ConnectionSettings::default()
    }
}
