//! What the schedule has done inside the runtime of the story.

use std::sync::Arc;
use std::time::Duration;

use chorus::Session;
use chorus_node::EmbeddedCluster;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock::JumpingClock;
use crate::punctuality::Punctuality;
use crate::report::Findings;
use crate::story::Story;
use crate::workload;

#[derive(Debug)]
pub(crate) enum Errand {
    Ddl(String),
    Suspend(Duration),
    Visit,
}

/// Runs errands until there are no more.
pub(crate) struct Errands {
    pub(crate) story: Story,
    pub(crate) cluster: Arc<EmbeddedCluster>,
    pub(crate) clock: JumpingClock,
    pub(crate) session: Session,
    pub(crate) punctuality: Punctuality,
    pub(crate) findings: Arc<Findings>,
}

impl Errands {
    pub(crate) async fn run(self, mut errands: UnboundedReceiver<Errand>) {
        while let Some(errand) = errands.recv().await {
            match errand {
                Errand::Ddl(cql) => self.change_schema(&cql).await,
                Errand::Suspend(time) => {
                    tokio::time::pause();
                    tokio::time::advance(time).await;
                    tokio::time::resume();
                }
                Errand::Visit => self.visit().await,
            }
        }
    }

    async fn change_schema(&self, cql: &str) {
        let client = &self.story.client;
        // The change, the wait until all agree, and the reading of what has changed.
        let limit = client.timeout + client.agreement_timeout + 2 * client.control_timeout;
        let change = self.session.query(cql, ());
        if let Some(Err(error)) = self.punctuality.watch(cql, limit, change).await {
            // It may be the second time: the first answer was lost, or another did the same.
            let repeated = error.is_already_exists() || error.is_invalid_statement();
            if !repeated {
                workload::judge(&self.findings, cql, &error);
            }
        }
    }

    /// Opens another session in the midst of it all.
    async fn visit(&self) {
        let builder = self.story.client.builder(&self.cluster, &self.clock);
        let nodes = self.cluster.addresses().len() as u32;
        // Contact points one after the other, with a few questions to each.
        let limit = 3 * self.story.client.control_timeout * (nodes + 2);
        let Some(Ok(visitor)) = self.punctuality.watch("a session is opened", limit, builder.connect()).await
        else {
            self.findings.count("not connected");
            return;
        };
        self.findings.count("connected");
        let question = visitor.query("SELECT id, answer FROM sim.echo WHERE id = 1", ());
        let limit = self.story.client.timeout;
        if let Some(Err(error)) = self.punctuality.watch("a visitor asks", limit, question).await {
            workload::judge(&self.findings, "a visitor asks", &error);
        }
        let limit = Duration::from_millis(100);
        self.punctuality.watch("a visitor leaves", 2 * limit, visitor.shutdown(limit)).await;
    }
}
