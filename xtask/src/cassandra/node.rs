//! One Cassandra process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{jars, java};
use crate::certificates::Certificates;
use crate::process::Process;
use crate::steps::Stop;
use crate::tree::Tree;

/// The class path and the Java to run it with.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    pub(crate) java: PathBuf,
    pub(crate) jars: PathBuf,
}

impl Installation {
    /// Finds the Java, and fetches the jars unless they were fetched before.
    pub(crate) fn provide(tree: &Tree) -> Result<Installation, Stop> {
        Ok(Installation { java: java::find()?, jars: jars::fetch(tree)? })
    }
}

/// What differs between nodes.
#[derive(Debug, Clone)]
pub(crate) struct NodeConfig {
    pub(crate) address: Ipv4Addr,
    pub(crate) native_port: u16,
    pub(crate) storage_port: u16,
    /// Where nodetool reaches it, on 127.0.0.1 whatever its own address is.
    pub(crate) jmx_port: u16,
    pub(crate) seed: Ipv4Addr,
    /// Configuration, log and data; goes when its owner removes it.
    pub(crate) directory: PathBuf,
    pub(crate) rack: String,
    /// Password authentication, with the first user cassandra / cassandra.
    pub(crate) auth: bool,
    /// Others run beside it on the same few cores: it stays small, and starts soon rather than run fast later.
    pub(crate) crowded: bool,
    /// What it acknowledged outlives a kill.
    pub(crate) durable: bool,
    /// TLS besides plain connections on the same port.
    pub(crate) tls: Option<ClientTls>,
}

/// How a node speaks TLS with clients.
#[derive(Debug, Clone)]
pub(crate) struct ClientTls {
    pub(crate) certificates: Certificates,
    /// Lets in only clients that show a certificate of the authority, as far as they speak TLS.
    pub(crate) clients_identify: bool,
}

/// A node, running or stopped; its data stays until its directory is removed.
pub(crate) struct Node {
    config: NodeConfig,
    installation: Installation,
    process: Option<Process>,
}

/// A node that is slower than this on two busy cores is not coming: alone it takes a quarter of a minute, beside two others,
/// a load and whatever else the machine does it was seen to take minutes.
const START_LIMIT: Duration = Duration::from_secs(450);

const READY: &str = "Starting listening for CQL clients";
/// Written once the first superuser exists; logging in before that fails.
const SUPERUSER_READY: &str = "Created default superuser role";

impl Node {
    pub(crate) fn new(config: NodeConfig, installation: Installation) -> Result<Node, Stop> {
        write_configuration(&config)?;
        Ok(Node { config, installation, process: None })
    }

    /// Starts the process and waits until it serves clients. A node that ran before finds its data again.
    pub(crate) fn start(&mut self) -> Result<(), Stop> {
        let log = self.log();
        let seen = self.log_length();
        let fresh = seen == 0;
        let name = format!("Cassandra at {}", self.config.address);
        let mut process = Process::server(&name, &mut self.command(), &log)?;
        let started = Instant::now();
        loop {
            let text = read_from(&log, seen);
            if text.contains(READY) && (!self.config.auth || !fresh || text.contains(SUPERUSER_READY)) {
                break;
            }
            if let Some(status) = process.ended() {
                let words = process.last_words(25);
                return Err(Stop::failed(format!(
                    "{} ended while starting ({status}); its log ends:\n{words}",
                    process.name()
                )));
            }
            if started.elapsed() > START_LIMIT {
                let words = process.last_words(25);
                return Err(Stop::failed(format!(
                    "{} is not ready after {START_LIMIT:?}; its log ends:\n{words}",
                    process.name()
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Runs a command of nodetool against it, which takes a Java a few seconds, and returns what it printed.
    pub(crate) fn nodetool(&self, arguments: &[&str]) -> Result<String, Stop> {
        let directory = self.config.directory.display();
        let mut command = Command::new(&self.installation.java);
        open_modules(&mut command);
        command
            // It keeps a history in the home directory, which is not ours.
            .arg(format!("-Duser.home={directory}"))
            .arg(format!("-Dcassandra.storagedir={directory}"))
            .arg("-Dlogback.configurationFile=logback.xml")
            .args(["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{directory}:{}/*", self.installation.jars.display()))
            .args(["org.apache.cassandra.tools.NodeTool", "--host", "127.0.0.1", "--port"])
            .arg(self.config.jmx_port.to_string())
            .args(arguments);
        let name = format!("nodetool {}", arguments.join(" "));
        let output = command.output().map_err(|error| Stop::failed(format!("{name}: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(Stop::failed(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&said))))
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.config.address
    }

    pub(super) fn native_port(&self) -> u16 {
        self.config.native_port
    }

    /// Stops it in an orderly way.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Leaves it running after us; returns its process id.
    pub(crate) fn detach(mut self) -> Option<i32> {
        self.process.take().map(|process| process.detach().as_raw_nonzero().get())
    }

    /// `HOST:PORT` for clients.
    pub(crate) fn contact_point(&self) -> String {
        format!("{}:{}", self.config.address, self.config.native_port)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.config.directory.join("node.log")
    }

    /// How much it has logged so far, in bytes.
    pub(crate) fn log_length(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |metadata| metadata.len())
    }

    /// What it has logged since its log was that long.
    pub(crate) fn logged_since(&self, length: u64) -> String {
        read_from(&self.log(), length)
    }

    fn command(&self) -> Command {
        let directory = self.config.directory.display();
        let heap = if self.config.crowded { 512 } else { 1024 };
        let mut command = Command::new(&self.installation.java);
        command.current_dir(&self.config.directory);
        command.args([
            format!("-Xms{}m", heap / 2),
            format!("-Xmx{heap}m"),
            "-Xss512k".to_owned(),
            "-ea".to_owned(),
        ]);
        if !self.config.durable {
            // No table of the schema is flushed with every change of it.
            command.arg("-Dcassandra.unsafesystem=true");
        }
        if self.config.crowded {
            // Optimising compilers and collectors of several threads each want the cores that the other nodes start on.
            command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        }
        open_modules(&mut command);
        command
            // Otherwise it closes its standard output, our log, just before it starts to listen.
            .arg("-Dcassandra-foreground=yes")
            .arg("-Djdk.attach.allowAttachSelf=true")
            .arg(format!("-Dcassandra.config=file://{directory}/cassandra.yaml"))
            .arg(format!("-Dcassandra.storagedir={directory}"))
            .arg(format!("-Dcassandra.logdir={directory}"))
            .arg("-Dlogback.configurationFile=logback.xml")
            .arg("-Dcassandra.skip_wait_for_gossip_to_settle=0")
            .arg("-Dcassandra.ring_delay_ms=1000")
            .arg("-Dcassandra.superuser_setup_delay_ms=0")
            .arg("-Djava.net.preferIPv4Stack=true")
            .arg(format!("-Dcassandra.jmx.local.port={}", self.config.jmx_port))
            .arg("-cp")
            .arg(format!("{directory}:{}/*", self.installation.jars.display()))
            .arg("org.apache.cassandra.service.CassandraDaemon");
        command
    }
}

/// Lets Cassandra's classes into those of the JDK that they need; without, server and tools refuse to start.
fn open_modules(command: &mut Command) {
    for (module, packages) in OPENED {
        for package in *packages {
            command.arg(format!("--add-opens={module}/{package}=ALL-UNNAMED"));
            command.arg(format!("--add-exports={module}/{package}=ALL-UNNAMED"));
        }
    }
}

fn write_configuration(config: &NodeConfig) -> Result<(), Stop> {
    let write = |name: &str, template: &str| {
        let path = config.directory.join(name);
        std::fs::write(&path, fill(template, config))
            .map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
    };
    std::fs::create_dir_all(&config.directory)
        .map_err(|error| Stop::failed(format!("{}: {error}", config.directory.display())))?;
    let tls = config.tls.as_ref().map(encryption_options).unwrap_or_default();
    write("cassandra.yaml", &format!("{}{tls}", include_str!("../../cassandra/conf/cassandra.yaml")))?;
    write("cassandra-rackdc.properties", include_str!("../../cassandra/conf/cassandra-rackdc.properties"))?;
    write("logback.xml", include_str!("../../cassandra/conf/logback.xml"))?;
    place_trigger(&config.directory)
        .map_err(|error| Stop::failed(format!("{}: {error}", config.directory.display())))
}

/// What `cassandra.yaml` says about TLS: PEM as it is, no keystore of Java's.
fn encryption_options(tls: &ClientTls) -> String {
    let ClientTls { certificates, clients_identify } = tls;
    format!(
        "
client_encryption_options:
  enabled: true
  # Clients that speak plainly are served as well, on the same port.
  optional: true
  require_client_auth: {clients_identify}
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: {}
  truststore: {}
",
        certificates.server_both.display(),
        certificates.authority.display(),
    )
}

/// The class that tests make triggers of. The directory is on the class path; Cassandra looks for jars in `triggers`, and
/// makes no trigger at all without that.
fn place_trigger(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory.join("triggers"))?;
    std::fs::create_dir_all(directory.join("chorus"))?;
    let class = include_bytes!("../../cassandra/trigger/DoNothing.class");
    std::fs::write(directory.join("chorus/DoNothing.class"), class)
}

fn fill(template: &str, config: &NodeConfig) -> String {
    let (authenticator, authorizer) = if config.auth {
        ("PasswordAuthenticator", "CassandraAuthorizer")
    } else {
        ("AllowAllAuthenticator", "AllowAllAuthorizer")
    };
    template
        .replace("${seed}", &format!("{}:{}", config.seed, config.storage_port))
        .replace("${address}", &config.address.to_string())
        .replace("${storage_port}", &config.storage_port.to_string())
        .replace("${native_port}", &config.native_port.to_string())
        .replace("${authenticator}", authenticator)
        .replace("${authorizer}", authorizer)
        .replace("${directory}", &config.directory.display().to_string())
        .replace("${commitlog_sync}", commitlog_sync(config.durable))
        .replace("${datacenter}", "datacenter1")
        .replace("${rack}", &config.rack)
}

/// When a write is acknowledged.
fn commitlog_sync(durable: bool) -> &'static str {
    if durable {
        // Once it is on disk: a server that acknowledges first and is killed forgets some of what it acknowledged, and a test
        // that kills one could not tell that from a row the loader lost.
        "commitlog_sync: group\ncommitlog_sync_group_window: 10ms"
    } else {
        // At once. Tests that write row after row and never kill the server would do little but wait for the disk.
        "commitlog_sync: periodic\ncommitlog_sync_period: 10s"
    }
}

fn read_from(log: &Path, offset: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(offset as usize..).unwrap_or_default()).into_owned()
}

/// The modules Cassandra reaches into.
const OPENED: &[(&str, &[&str])] = &[
    (
        "java.base",
        &[
            "java.io",
            "java.lang",
            "java.lang.ref",
            "java.lang.reflect",
            "java.math",
            "java.net",
            "java.nio",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "jdk.internal.loader",
            "jdk.internal.ref",
            "jdk.internal.reflect",
            "jdk.internal.math",
            "jdk.internal.module",
            "jdk.internal.util.jar",
            "sun.nio.ch",
        ],
    ),
    ("java.management.rmi", &["com.sun.jmx.remote.internal.rmi"]),
    ("java.rmi", &["sun.rmi.registry", "sun.rmi.server", "sun.rmi.transport", "sun.rmi.transport.tcp"]),
    ("java.sql", &["java.sql"]),
    ("java.logging", &["java.util.logging"]),
    ("jdk.management", &["com.sun.management.internal"]),
    ("jdk.management.agent", &["jdk.internal.agent"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_templates_is_filled_in() {
        let config = NodeConfig {
            address: Ipv4Addr::new(127, 0, 7, 2),
            native_port: 9042,
            storage_port: 7000,
            jmx_port: 7199,
            seed: Ipv4Addr::new(127, 0, 7, 1),
            directory: PathBuf::from("/somewhere/node"),
            rack: "rack2".to_owned(),
            auth: true,
            crowded: true,
            durable: true,
            tls: None,
        };
        let yaml = fill(include_str!("../../cassandra/conf/cassandra.yaml"), &config);
        // The one that is left stands in the comment that tells of them.
        assert_eq!(yaml.matches("${").count(), 1, "{yaml}");
        assert!(yaml.contains("seeds: \"127.0.7.1:7000\""));
        assert!(yaml.contains("listen_address: 127.0.7.2"));
        assert!(yaml.contains("authenticator: PasswordAuthenticator"));
        assert!(yaml.contains("\ncommitlog_sync: group\n"));
        let forgetful = NodeConfig { durable: false, ..config.clone() };
        let yaml = fill(include_str!("../../cassandra/conf/cassandra.yaml"), &forgetful);
        assert!(yaml.contains("\ncommitlog_sync: periodic\n"));
        let rackdc = fill(include_str!("../../cassandra/conf/cassandra-rackdc.properties"), &config);
        assert_eq!(rackdc, "dc=datacenter1\nrack=rack2\n");
    }
}
