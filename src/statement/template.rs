//! The bytes of an EXECUTE that are the same every time.
//!
//! ```text
//! head                                                                    values    suffix
//! header · [payload] · id · [metadata id] · consistency · flags · count   [value]*  [page size] · [serial] · [timestamp] · [now] · [tablet]
//! ```
//!
//! The head is written once, when the statement is prepared or an option changed, and copied into each request. Only the
//! metadata id in it can change while the program runs, and only for a statement that returns rows: it is then overwritten
//! in the copy.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use chorus_actors::{Engine, RequestOptions};
use chorus_protocol::request::{Execute, QueryParameters, Values, execute_prefix, execute_suffix};
use chorus_protocol::token::{RoutingKeyError, Token, has_token, token_of_values};
use chorus_protocol::{BoundValue, EncodeError, FrameShape, Opcode, begin_frame, finish_frame};
use chorus_topology::{Rng, TableId, tablet_version_block};

use super::options::StatementOptions;
use super::prepared::{Prepared, ResultMetadata};
use crate::error::{Error, UsageProblem};
use crate::request::{Settings, Stamp};
use crate::result::PagingState;

/// See the module documentation.
pub(crate) struct Template {
    settings: Settings,
    idempotent: bool,
    /// What the engine is told with each request: all but the token, the table and the statement.
    options: RequestOptions,
    /// Whether the server is asked to leave the description of rows out.
    skip_metadata: bool,
    head: Part<64>,
    /// The metadata id within the head, for statements that return rows.
    metadata_id: Option<std::ops::Range<usize>>,
    /// The two bytes of the consistency within the head.
    consistency_at: u32,
    /// What follows the values, with a place for the timestamp.
    tail: Part<16>,
    /// The eight bytes of the timestamp within the tail.
    timestamp_at: Option<usize>,
    /// Whether tokens matter, as last found out.
    routing: Routing,
}

/// Bytes that are copied into each frame: at most `N` of them, as nearly always, in a few wide moves instead of a call.
struct Part<const N: usize> {
    /// The first of them, and zeros behind.
    short: [u8; N],
    bytes: Box<[u8]>,
}

impl<const N: usize> Part<N> {
    fn new(bytes: &[u8]) -> Self {
        let mut short = [0; N];
        let kept = bytes.len().min(N);
        short[..kept].copy_from_slice(&bytes[..kept]);
        Self { short, bytes: bytes.into() }
    }

    #[inline(always)]
    fn append_to(&self, out: &mut Vec<u8>) {
        if self.bytes.len() > N {
            return out.extend_from_slice(&self.bytes);
        }
        let end = out.len() + self.bytes.len();
        out.extend_from_slice(&self.short);
        out.truncate(end);
    }
}

/// Whether the tokens of a statement matter under one version of the route; see [`Template::route`].
#[derive(Default)]
struct Routing(AtomicU64);

impl Routing {
    /// What was found out under this version.
    #[inline]
    fn under(&self, version: u64) -> Option<Route> {
        let known = self.0.load(Ordering::Relaxed);
        (known >> 1 == version + 1).then_some(if known & 1 == 1 { Route::Anywhere } else { Route::ByToken })
    }

    fn keep(&self, version: u64, route: Route) {
        self.0.store((version + 1) << 1 | u64::from(route == Route::Anywhere), Ordering::Relaxed);
    }
}

/// What the token of a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// It decides where the request goes.
    ByToken,
    /// Nothing: all hosts hold the row. The key is looked at all the same, but not hashed.
    Anywhere,
}

/// What the engine has to know about a frame just written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) token: Option<Token>,
    pub(crate) consistency_at: u32,
}

impl Template {
    pub(crate) fn new(prepared: &Prepared, options: &StatementOptions) -> Result<Self, Error> {
        let settings = Settings::resolve(options, &prepared.defaults)?.of_kind(prepared.kind);
        let metadata = prepared.result.load();
        Self::with_settings(prepared, settings, options.idempotent, &metadata)
    }

    fn with_settings(
        prepared: &Prepared,
        settings: Settings,
        idempotent: bool,
        metadata: &ResultMetadata,
    ) -> Result<Self, Error> {
        let shape = &prepared.shape;
        let id = &prepared.preparation.id;
        let (tail, timestamp_at) = tail(shape, &settings)?;
        let skip_metadata = shape.metadata_id && prepared.returns_rows && !metadata.id.is_empty();
        let mut head = Vec::with_capacity(64);
        begin_frame(&mut head, shape.version, Opcode::Execute, settings.frame_flags(shape.version)?);
        settings.put_payload(&mut head)?;
        let id_end = head.len() + 2 + id.len();
        let flags = parameters(&settings, skip_metadata, settings.stamp.is_sent().then_some(0)).flags();
        let markers = prepared.bind.len();
        let count = u16::try_from(markers).map_err(|_| EncodeError::TooMany {
            what: "bind markers",
            count: markers,
            max: usize::from(u16::MAX),
        })?;
        let consistency_at =
            execute_prefix(shape, id, Some(&metadata.id), settings.consistency, flags, count, &mut head)?;
        let consistency_at = u32::try_from(consistency_at).map_err(|_| too_long(consistency_at))?;
        let options = RequestOptions {
            consistency: settings.consistency,
            consistency_offset: Some(consistency_at),
            idempotent,
            lwt: prepared.lwt,
            kind: prepared.kind,
            timeout: settings.timeout,
            host: settings.host,
            preferred: settings.preferred,
            policies: settings.policies.clone(),
            ..RequestOptions::default()
        };
        Ok(Self {
            idempotent,
            options,
            skip_metadata,
            metadata_id: (shape.metadata_id && prepared.returns_rows)
                .then(|| id_end + 2..id_end + 2 + metadata.id.len()),
            consistency_at,
            head: Part::new(&head),
            tail: Part::new(&tail),
            timestamp_at,
            routing: Routing::default(),
            settings,
        })
    }

    /// What the statement is sent with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where write timestamps come from.
    #[inline]
    pub(crate) fn stamp(&self) -> &Stamp {
        &self.settings.stamp
    }

    /// What the tokens of this statement are for. Where every host holds every row most policies do not want to know, and then
    /// keys need not be hashed; conditional statements meet at one replica all the same. Only for the session that prepared
    /// the statement.
    #[inline]
    pub(crate) fn route(&self, prepared: &Prepared, table: Option<TableId>, engine: &Engine) -> Route {
        let version = engine.route_version();
        self.routing.under(version).unwrap_or_else(|| self.find_route(prepared, table, engine, version))
    }

    #[cold]
    fn find_route(
        &self,
        prepared: &Prepared,
        table: Option<TableId>,
        engine: &Engine,
        version: u64,
    ) -> Route {
        let Some(table) = table.filter(|_| !prepared.lwt && !self.settings.consistency.is_serial()) else {
            return Route::ByToken;
        };
        let policies = self.settings.policies.as_ref().unwrap_or_else(|| engine.policies());
        let known = engine.peek_route();
        let route = match policies.load_balancing.wants_token(known.view(policies.view), table) {
            true => Route::ByToken,
            false => Route::Anywhere,
        };
        // A newer route than the version asked for is asked about again next time.
        if known.version() == version {
            self.routing.keep(version, route);
        }
        route
    }

    /// Whether the server is asked to leave the description of rows out.
    #[cfg(test)]
    pub(crate) fn skips_metadata(&self) -> bool {
        self.skip_metadata
    }

    /// The two bytes of the consistency, from the start of the frame.
    pub(crate) fn consistency_at(&self) -> u32 {
        self.consistency_at
    }

    /// Appends a whole EXECUTE to `frame`. `metadata` is the statement's current one, for statements that return
    /// rows; `put_values` appends the bind values.
    #[inline]
    pub(crate) fn write(
        &self,
        prepared: &Prepared,
        metadata: Option<&ResultMetadata>,
        timestamp: Option<i64>,
        route: Route,
        frame: &mut Vec<u8>,
        put_values: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Written, Error> {
        let start = frame.len();
        self.head.append_to(frame);
        if let (Some(place), Some(metadata)) = (&self.metadata_id, metadata) {
            if place.len() != metadata.id.len() {
                frame.truncate(start);
                return self.rewrite(prepared, metadata, timestamp, route, frame, put_values);
            }
            frame[start + place.start..start + place.end].copy_from_slice(&metadata.id);
        }
        let values_at = frame.len();
        put_values(frame)?;
        let token = token_of(prepared, &frame[values_at..], route)?;
        self.put_tail(timestamp, frame)?;
        finish_frame(frame, start)?;
        Ok(Written { token, consistency_at: self.consistency_at })
    }

    #[inline(always)]
    fn put_tail(&self, timestamp: Option<i64>, frame: &mut Vec<u8>) -> Result<(), Error> {
        let start = frame.len();
        self.tail.append_to(frame);
        if let (Some(at), Some(timestamp)) = (self.timestamp_at, timestamp) {
            if timestamp < 0 {
                return Err(EncodeError::NegativeTimestamp(timestamp).into());
            }
            frame[start + at..start + at + 8].copy_from_slice(&timestamp.to_be_bytes());
        }
        Ok(())
    }

    /// The same when the id of the metadata has become longer or shorter, which no server is known to do.
    #[cold]
    fn rewrite(
        &self,
        prepared: &Prepared,
        metadata: &ResultMetadata,
        timestamp: Option<i64>,
        route: Route,
        frame: &mut Vec<u8>,
        put_values: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<Written, Error> {
        let start = frame.len();
        let current = Self::with_settings(prepared, self.settings.clone(), self.idempotent, metadata)?;
        current.head.append_to(frame);
        let values_at = frame.len();
        put_values(frame)?;
        let token = token_of(prepared, &frame[values_at..], route)?;
        current.put_tail(timestamp, frame)?;
        finish_frame(frame, start)?;
        Ok(Written { token, consistency_at: current.consistency_at })
    }

    /// Writes the EXECUTE for a page after the first into an empty `frame`.
    pub(crate) fn write_page(
        &self,
        prepared: &Prepared,
        metadata: Option<&ResultMetadata>,
        page: &PagingState,
        values: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<Written, Error> {
        let shape = &prepared.shape;
        begin_frame(frame, shape.version, Opcode::Execute, self.settings.frame_flags(shape.version)?);
        self.settings.put_payload(frame)?;
        let metadata_id = metadata.map(|metadata| &*metadata.id);
        let before_consistency = 2
            + prepared.preparation.id.len()
            + if shape.metadata_id { 2 + metadata_id.map_or(0, <[u8]>::len) } else { 0 };
        let consistency_at = frame.len() + before_consistency;
        let mut parameters = parameters(&self.settings, self.skip_metadata, self.stamp().next());
        parameters.paging_state = Some(page.as_bytes());
        // The template could be made, so the number of markers fits.
        parameters.values = Values::Positional { count: prepared.bind.len() as u16, bytes: values };
        Execute {
            id: &prepared.preparation.id,
            result_metadata_id: metadata_id,
            parameters,
            tablet_version_block: 0,
        }
        .encode(shape, frame)?;
        finish_frame(frame, 0)?;
        let consistency_at = u32::try_from(consistency_at).map_err(|_| too_long(consistency_at))?;
        Ok(Written { token: token_of(prepared, values, Route::ByToken)?, consistency_at })
    }

    /// Names in a frame just written the version of the tablet that is believed to have its partition, where that was agreed on.
    #[inline(always)]
    pub(crate) fn name_tablet(
        prepared: &Prepared,
        table: Option<TableId>,
        written: Written,
        engine: &Engine,
        frame: &mut [u8],
    ) {
        if cfg!(feature = "unstable-tablets-v2") && prepared.shape.tablets_v2 {
            put_tablet_version(table, written.token, engine, frame);
        }
    }

    /// Tells the engine what it has to know besides the bytes and the statement.
    // One field after the other from one struct to another of its kind: the compiler makes a few wide moves of them.
    #[inline(always)]
    pub(crate) fn describe(&self, table: Option<TableId>, written: Written, options: &mut RequestOptions) {
        let known = &self.options;
        options.consistency = known.consistency;
        options.idempotent = known.idempotent;
        options.lwt = known.lwt;
        options.kind = known.kind;
        options.next_page = known.next_page;
        options.timeout = known.timeout;
        options.host = known.host;
        options.preferred = known.preferred;
        options.token = written.token;
        options.table = table;
        options.consistency_offset = Some(written.consistency_at);
        match (&mut options.policies, &known.policies) {
            (None, None) => {}
            (mine, theirs) => mine.clone_from(theirs),
        }
    }
}

/// Writes the last byte of an EXECUTE. It stays zero without a token or a table.
#[cold]
fn put_tablet_version(table: Option<TableId>, token: Option<Token>, engine: &Engine, frame: &mut [u8]) {
    thread_local! {
        static CHANCE: RefCell<Rng> = RefCell::new(Rng::from_entropy());
    }
    let (Some(table), Some(token), Some(block)) = (table, token, frame.last_mut()) else { return };
    let route = engine.peek_route();
    let tablet = route.tablets(table).and_then(|tablets| tablets.find(token));
    let chance = CHANCE.with_borrow_mut(Rng::next_u64) as u8;
    *block = match tablet.and_then(|tablet| tablet.version) {
        Some(version) => tablet_version_block(version, chance),
        // Whatever it names, in fifteen of sixteen cases the server will tell.
        None => chance,
    };
}

/// What follows the values, and where in it the timestamp stands, if one is sent.
fn tail(shape: &FrameShape, settings: &Settings) -> Result<(Vec<u8>, Option<usize>), Error> {
    let encode = |timestamp| {
        let mut tail = Vec::with_capacity(24);
        execute_suffix(shape, &parameters(settings, false, timestamp), 0, &mut tail)?;
        Ok::<_, Error>(tail)
    };
    if !settings.stamp.is_sent() {
        return Ok((encode(None)?, None));
    }
    // The first byte in which two timestamps differ is their first byte.
    let (least, most) = (encode(Some(0))?, encode(Some(i64::MAX))?);
    let at = least.iter().zip(&most).position(|(least, most)| least != most);
    Ok((least, at))
}

fn parameters<'a>(settings: &Settings, skip_metadata: bool, timestamp: Option<i64>) -> QueryParameters<'a> {
    QueryParameters {
        consistency: settings.consistency,
        skip_metadata,
        page_size: settings.page_size,
        serial_consistency: settings.serial_consistency,
        timestamp,
        now_in_seconds: settings.now_in_seconds,
        ..QueryParameters::default()
    }
}

/// The token of the partition key among `values`. A null in the key is left to the server, who says it best; an unset value
/// would be taken for a missing one there.
#[inline(always)]
pub(crate) fn token_of(prepared: &Prepared, values: &[u8], route: Route) -> Result<Option<Token>, Error> {
    let markers = &prepared.key_markers;
    if markers.is_empty() {
        return Ok(None);
    }
    let token = match route {
        Route::ByToken => token_of_values(values, markers).map(|token| (token.is_some(), token)),
        Route::Anywhere => has_token(values, markers).map(|complete| (complete, None)),
    };
    match token {
        Ok((true, token)) => Ok(token),
        Ok((false, _)) => without_token(prepared, values),
        Err(RoutingKeyError::ComponentTooLong(length)) => Err(UsageProblem::KeyTooLong(length).into()),
        Err(_) => Ok(None),
    }
}

#[cold]
fn without_token(prepared: &Prepared, values: &[u8]) -> Result<Option<Token>, Error> {
    let bound = Values::Positional { count: prepared.bind.len() as u16, bytes: values };
    for (marker, (_, value)) in bound.iter().enumerate() {
        let is_key = prepared.key_markers.iter().any(|key| usize::from(*key) == marker);
        if is_key && value == BoundValue::Unset {
            return Err(UsageProblem::UnsetKey { column: (&*prepared.bind[marker].name).into() }.into());
        }
    }
    Ok(None)
}

#[cold]
fn too_long(length: usize) -> EncodeError {
    EncodeError::TooLong { what: "custom payload", length, max: u32::MAX as usize }
}
