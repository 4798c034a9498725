//! What goes wrong with single requests.

use std::time::Duration;

use chorus::policy::Rng;
use chorus::protocol::Opcode;
use chorus::protocol::response::WriteType;
use chorus::{Consistency, DbError};
use chorus_node::{Fault, Requests};

/// A fault that strikes a share of the requests, on one node or on all.
#[derive(Clone, Debug)]
pub(crate) struct Mishap {
    pub(crate) node: Option<usize>,
    opcode: Option<Opcode>,
    /// Of a hundred.
    percent: u32,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Delay(Duration),
    SwallowAnswers,
    SwallowRequests,
    Close,
    CloseAfter,
    CloseMidAnswer(usize),
    Reset,
    Refuse(DbError),
    Garbage(Vec<u8>),
    Truncate(usize),
    Trickle(Duration),
}

impl Mishap {
    pub(crate) fn draw(rng: &mut Rng, nodes: usize) -> Self {
        let kind = Kind::draw(rng);
        let node = (rng.below(3) > 0).then(|| rng.below(nodes as u32) as usize);
        let opcode = match rng.below(4) {
            0 => Some(
                [Opcode::Query, Opcode::Prepare, Opcode::Options, Opcode::Startup][rng.below(4) as usize],
            ),
            1 => Some(Opcode::Execute),
            _ => None,
        };
        // A node where everything goes wrong, or here and there a request.
        let percent = match rng.coin() {
            true => 100,
            false => rng.between(2, 40) as u32,
        };
        Self { node, opcode, percent, kind }
    }

    /// On every node, with that share of all requests.
    pub(crate) fn everywhere(kind: Kind, percent: u32) -> Self {
        Self { node: None, opcode: None, percent, kind }
    }

    pub(crate) fn of_prepares(kind: Kind, percent: u32) -> Self {
        Self { opcode: Some(Opcode::Prepare), ..Self::everywhere(kind, percent) }
    }

    pub(crate) fn requests(&self) -> Requests {
        let mut requests = Requests::all();
        if let Some(opcode) = self.opcode {
            requests = requests.with_opcode(opcode);
        }
        if let Some(node) = self.node {
            requests = requests.on_node(node);
        }
        match self.percent {
            100 => requests,
            percent => requests.with_probability(f64::from(percent) / 100.0),
        }
    }

    /// Whether requests it strikes are never answered although their connection lives.
    pub(crate) fn swallows(&self) -> bool {
        matches!(self.kind, Kind::SwallowAnswers | Kind::SwallowRequests)
    }
}

impl Kind {
    fn draw(rng: &mut Rng) -> Self {
        let (consistency, received, required) = (Consistency::Quorum, 1, 2);
        match rng.below(16) {
            0 | 1 => Self::Delay(Duration::from_millis(rng.between(5, 500))),
            2 => Self::SwallowAnswers,
            3 => Self::SwallowRequests,
            4 => Self::Close,
            5 => Self::CloseAfter,
            6 => Self::CloseMidAnswer(rng.between(0, 40) as usize),
            7 => Self::Reset,
            8 => Self::Refuse(DbError::Overloaded),
            9 => Self::Refuse(DbError::WriteTimeout {
                consistency,
                received,
                required,
                write_type: [WriteType::Simple, WriteType::BatchLog, WriteType::Cas][rng.below(3) as usize]
                    .clone(),
                contentions: None,
            }),
            10 => Self::Refuse(DbError::ReadTimeout {
                consistency,
                received,
                required,
                data_present: rng.coin(),
            }),
            11 => Self::Refuse(DbError::Unavailable { consistency, required, alive: 1 }),
            12 => {
                Self::Refuse([DbError::ServerError, DbError::IsBootstrapping][rng.below(2) as usize].clone())
            }
            13 => Self::Garbage((0..rng.between(1, 40)).map(|_| rng.below(256) as u8 | 0x10).collect()),
            14 => Self::Truncate(rng.below(12) as usize),
            _ => Self::Trickle(Duration::from_millis(1)),
        }
    }

    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Delay(delay) => Fault::Delay(*delay),
            Self::SwallowAnswers => Fault::DropAnswer,
            Self::SwallowRequests => Fault::DropRequest,
            Self::Close => Fault::Close,
            Self::CloseAfter => Fault::CloseAfter,
            Self::CloseMidAnswer(bytes) => Fault::CloseMidAnswer(*bytes),
            Self::Reset => Fault::Reset,
            Self::Refuse(error) => Fault::Error(error.clone(), "as the story has it".to_owned()),
            Self::Garbage(bytes) => Fault::Garbage(bytes.clone()),
            Self::Truncate(bytes) => Fault::Truncate(*bytes),
            Self::Trickle(pause) => Fault::Trickle(*pause),
        }
    }
}
