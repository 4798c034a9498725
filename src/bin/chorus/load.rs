//! `chorus load`: a file into a table.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chorus::Session;
use chorus::bulk::{
    BulkLoader, CpuScope, Dialect, Ending, LoadReport, Mapping, OpenSource, Progress, RejectFiles,
    RunDirectory, Source, SourceError,
};
use chorus::metrics::PrometheusEndpoint;
use chorus_node::EmbeddedCluster;

use crate::args::LoadArgs;
use crate::connect::Target;
use crate::exit::{Exit, Failure, chain};
use crate::screen::{Screen, out, say};
use crate::{embedded, resume, runtime, sample, signals};

/// How long the session may take to end in good order. With the second a load needs to stop, Ctrl-C ends the program
/// within two.
const SHUTDOWN: Duration = Duration::from_millis(500);

pub(crate) fn load(args: LoadArgs) -> Result<Exit, Failure> {
    // What can be wrong without a cluster is found before one is asked.
    let mapping = mapping(&args.map)?;
    let sources = Sources::open(&args.files)?;
    let files = reject_files(&args)?;
    let directory = resume::run_directory(&args)?;
    let target = Target::resolve(&args.connection)?;
    let resumed = directory.as_ref().filter(|_| args.resume.is_some()).map(|run| run.path().to_owned());
    let outcome = runtime()?.block_on(async {
        let mut stop = signals::Stop::listen()?;
        let asked = Asked { mapping, files, directory };
        let work = run(&args, asked, sources, target, &mut stop);
        work.await
    });
    if let (Err(failure), Some(run)) = (&outcome, resumed)
        && !matches!(failure.exit, Exit::Usage | Exit::Source)
    {
        // What is left is still left.
        resume::tell_if_unfinished(&run);
    }
    outcome
}

/// What was asked for, understood.
struct Asked {
    mapping: Mapping,
    files: Option<RejectFiles>,
    directory: Option<RunDirectory>,
}

/// What is loaded.
enum Sources {
    One(Box<OpenSource>),
    /// Files, which are there and can be read.
    Several(Vec<PathBuf>),
}

impl Sources {
    fn open(files: &[PathBuf]) -> Result<Self, Failure> {
        let failure = |error| Failure::from_error(Exit::Source, &error);
        if let [file] = files {
            let source = if file == Path::new("-") { Source::stdin() } else { Source::path(file) };
            return source.open().map(|source| Self::One(Box::new(source))).map_err(failure);
        }
        for file in files {
            if file == Path::new("-") {
                return Err(Failure::new(Exit::Usage, "standard input is loaded alone, not with files"));
            }
            let metadata = file.metadata();
            if metadata.is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
                return Err(failure(SourceError::NotAFile { name: file.display().to_string() }));
            }
            Source::path(file).open().map_err(failure)?;
        }
        Ok(Self::Several(files.to_vec()))
    }
}

async fn run(
    args: &LoadArgs,
    asked: Asked,
    sources: Sources,
    target: Option<Target>,
    stop: &mut signals::Stop,
) -> Result<Exit, Failure> {
    let connected = tokio::select! {
        connected = connect(target) => connected?,
        exit = stop.requested() => return Err(Failure::new(exit, "interrupted before anything was written")),
    };
    let (session, node) = connected;
    let run = asked.directory.as_ref().map(|run| run.path().to_owned());
    let loader = loader(args, asked, &session, node.is_some());
    let metrics = serve_metrics(args, &session, loader.progress())?;
    let outcome = watched(args, loader, sources, run, stop).await;
    let exit = match outcome {
        Ok((report, exit)) => {
            tell(args, &report);
            if node.is_some() && matches!(exit, Exit::Success | Exit::Rejected) && report.written > 0 {
                show_rows(args, &session, &report).await;
            }
            Ok(exit)
        }
        Err(failure) => Err(failure),
    };
    drop(metrics);
    session.shutdown(SHUTDOWN).await;
    drop(node);
    exit
}

/// Serves the session's metrics and those of the load until the value is dropped.
fn serve_metrics(
    args: &LoadArgs,
    session: &Session,
    progress: Progress,
) -> Result<Option<PrometheusEndpoint>, Failure> {
    let Some(address) = args.metrics else { return Ok(None) };
    let endpoint = PrometheusEndpoint::start_with(address, session, move || progress.publish());
    let endpoint = endpoint.map_err(|error| {
        Failure::new(Exit::Usage, format!("cannot serve metrics at {address}: {}", chain(&error)))
    })?;
    say(format_args!("metrics at http://{0}/, for Prometheus at http://{0}/metrics", endpoint.address()));
    Ok(Some(endpoint))
}

async fn connect(target: Option<Target>) -> Result<(Session, Option<EmbeddedCluster>), Failure> {
    if let Some(target) = target {
        return Ok((target.connect().await?, None));
    }
    let cluster = embedded::one(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = cluster.address(0);
    say(format_args!(
        "no --host given: loading into an embedded in-memory node at {address}; nothing is kept when this ends"
    ));
    Ok((Target::embedded(address).connect().await?, Some(cluster)))
}

fn loader(args: &LoadArgs, asked: Asked, session: &Session, embedded: bool) -> BulkLoader {
    let dialect = Dialect { delimiter: args.delimiter, ..Dialect::default() };
    let mut loader = BulkLoader::new(session, args.to.clone())
        .dialect(dialect)
        .mapping(asked.mapping)
        .write_nulls(args.write_nulls)
        .epoch(args.epoch.into())
        .consistency(args.consistency)
        .concurrency(args.concurrency as usize)
        .reject_limit(args.max_errors)
        .patience(args.patience)
        // The embedded node's own work is not the client's.
        .cpu_scope(if embedded { CpuScope::LoadThreads } else { CpuScope::Process });
    if let Some(files) = asked.files {
        loader = loader.reject_files(files);
    }
    if let Some(directory) = asked.directory {
        loader = loader.run_directory(directory);
    }
    if let Some(every) = args.checkpoint.0 {
        loader = loader.checkpoint_every(every);
    }
    for null in &args.null {
        loader = loader.null(null.as_str());
    }
    if let Some(key) = &args.key {
        loader = loader.create_with_key(key.clone());
    }
    loader
}

/// Runs the load, shows how far it is, and passes signals on.
async fn watched(
    args: &LoadArgs,
    loader: BulkLoader,
    sources: Sources,
    directory: Option<PathBuf>,
    stop: &mut signals::Stop,
) -> Result<(LoadReport, Exit), Failure> {
    let progress = loader.progress();
    let run = directory.filter(|_| args.resume.is_none());
    let mut screen = Screen::new(args.quiet);
    let mut signalled = None;
    let load = async {
        match sources {
            Sources::One(source) => loader.load(*source).await,
            Sources::Several(files) => loader.load_all(files.into_iter().map(Source::path)).await,
        }
    };
    tokio::pin!(load);
    let outcome = loop {
        tokio::select! {
            outcome = &mut load => break outcome,
            () = screen.watch(&progress) => {}
            exit = stop.requested() => {
                if signalled.is_some() {
                    screen.clear();
                    if let Some(run) = &run {
                        resume::tell_if_unfinished(run);
                    }
                    return Err(Failure::new(exit, "interrupted twice: rows under way were not counted"));
                }
                signalled = Some(exit);
                progress.stop();
                if progress.snapshot().phase == chorus::bulk::Phase::Preparing {
                    screen.clear();
                    return Err(Failure::new(exit, "interrupted before anything was written"));
                }
            }
        }
    };
    screen.clear();
    let report = outcome?;
    let exit = match (&report.ending, signalled) {
        (Ending::Interrupted, Some(exit)) => exit,
        _ => Exit::of_report(&report),
    };
    Ok((report, exit))
}

/// The report to standard output; what went wrong to standard error.
fn tell(args: &LoadArgs, report: &LoadReport) {
    if args.json {
        out(report.to_json());
    } else {
        out(report);
    }
    match &report.ending {
        Ending::NothingToResume => say(
            "nothing to resume: that run had come to its end; without --resume everything is loaded again",
        ),
        Ending::Complete if report.read == 0 => {
            say(format_args!("{}: a header and no rows; nothing to load", report.source))
        }
        Ending::ServerLost(error) => say(format_args!("error: the cluster is gone: {}", chain(error))),
        Ending::Refused(error) => say(format_args!("error: the cluster refuses the rows: {}", chain(error))),
        Ending::SourceFailed(error) => say(format_args!("error: {}", chain(error))),
        Ending::RejectsFailed(error) => {
            say(format_args!("error: the rejects file cannot be written: {error}"))
        }
        Ending::TooManyRejects => say(format_args!("error: {} rows rejected: stopped", report.rejected)),
        Ending::Interrupted => say("interrupted"),
        _ => {}
    }
    if report.unanswered > 0 {
        say(format_args!(
            "{} rows were read and have no answer; they may or may not be in the table, and loading again is safe",
            report.unanswered
        ));
    }
    for rejection in &report.first_rejections {
        let column = rejection.column.as_deref().map(|name| format!(", column {name}")).unwrap_or_default();
        let source = rejection.source.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
        say(format_args!("{source}rejected line {}{column}: {}", rejection.place.line, rejection.reason));
    }
    let more = report.rejected.saturating_sub(report.first_rejections.len() as u64);
    if more > 0 {
        match report.first_rejections.is_empty() {
            true => say(format_args!("{more} rows rejected by the runs before")),
            false => say(format_args!("... and {more} more")),
        }
    }
    for files in &report.reject_files {
        say(format_args!(
            "rejected rows: {}   reasons: {}",
            files.rows().display(),
            files.errors().display()
        ));
    }
    if let Some(run) = &report.resumable {
        resume::tell_command(run);
    }
}

/// What the embedded node now has: its only use is to be looked at before it ends.
async fn show_rows(args: &LoadArgs, session: &Session, report: &LoadReport) {
    match sample::rows(session, &args.to).await {
        Ok(text) if args.json => say(text),
        Ok(text) => out(text),
        Err(error) => say(format_args!("cannot read {} back: {}", report.table, chain(&error))),
    }
}

fn mapping(rules: &[String]) -> Result<Mapping, Failure> {
    rules.iter().try_fold(Mapping::default(), |mapping, rules| {
        mapping.parse(rules).map_err(|error| Failure::from_error(Exit::Usage, &error))
    })
}

/// Where rejected rows go, if that was said. Never over a file that is being read.
fn reject_files(args: &LoadArgs) -> Result<Option<RejectFiles>, Failure> {
    let files = args.rejects.as_ref().map(RejectFiles::at);
    let name = |file: &PathBuf| match file == Path::new("-") {
        true => "stdin".to_owned(),
        false => file.to_string_lossy().into_owned(),
    };
    let names: Vec<String> = args.files.iter().map(name).collect();
    for rejects in RejectFiles::of_each(files.as_ref(), &names, Path::new("")) {
        for file in &args.files {
            let same = |path: &Path| match (path.canonicalize(), file.canonicalize()) {
                (Ok(one), Ok(other)) => one == other,
                _ => false,
            };
            if same(rejects.rows()) || same(rejects.errors()) {
                let path = file.display();
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{path} is loaded, so rejects cannot be written to it: give --rejects"),
                ));
            }
        }
    }
    Ok(files)
}
