//! Answers the questions of `sip_core::resolve` (RFC 3263).
//!
//! Addresses come from the system's own resolver, which knows the hosts file, mDNS and the VPN; NAPTR and SRV, which it
//! does not give, from hickory.
use super::Arrival;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use sip_core::endpoint::ResolveId;
use sip_core::resolve::{Answer, Lookup, MAX_TARGETS, Naptr, Query, Question, Srv, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// For one query; a name server that does not answer must not eat the whole 32 s of a transaction.
const QUERY_WITHIN: Duration = Duration::from_secs(5);
/// For one question, whatever the number of its queries.
const QUESTION_WITHIN: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub(crate) struct Dns {
    /// `None`: the system has no configuration that hickory reads; then there are addresses only.
    records: Option<Arc<TokioResolver>>,
}

impl Dns {
    pub(crate) fn from_system() -> Self {
        let records = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        if let Err(error) = &records {
            tracing::debug!(%error, "no name servers for NAPTR and SRV; addresses only");
        }
        Self { records: records.ok().map(Arc::new) }
    }

    /// The targets at once when nothing needs asking; else a task brings them as [`Arrival::Resolved`].
    pub(crate) fn resolve(
        &self,
        id: ResolveId,
        question: Question,
        seed: [u8; 32],
        arrivals: mpsc::Sender<Arrival>,
    ) -> Option<Vec<Target>> {
        let host = question.host.clone();
        let mut lookup = Lookup::new(question, seed);
        if lookup.query().is_none() {
            return Some(lookup.into_targets());
        }
        let this = self.clone();
        tokio::spawn(async move {
            let all = async {
                while let Some(query) = lookup.query() {
                    let answer = timeout(QUERY_WITHIN, this.ask(query)).await.unwrap_or(Answer::Nothing);
                    lookup.answer(answer);
                }
            };
            // The resolver's own log names hosts, and a host is often a person's domain.
            let all = all.with_subscriber(NoSubscriber::default());
            if timeout(QUESTION_WITHIN, all).await.is_err() {
                tracing::debug!("a host's targets were not all found in time");
            }
            let _ = arrivals.send(Arrival::Resolved { id, host, targets: lookup.into_targets() }).await;
        });
        None
    }

    async fn ask(&self, query: Query) -> Answer {
        match query {
            Query::Addresses(name) => match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => Answer::Addresses(found.map(|address| address.ip()).take(MAX_TARGETS).collect()),
                Err(_) => Answer::Nothing,
            },
            Query::Naptr(name) => Answer::Naptr(self.records(name, RecordType::NAPTR, naptr).await),
            Query::Srv(name) => Answer::Srv(self.records(name, RecordType::SRV, srv).await),
        }
    }

    async fn records<T>(&self, name: String, kind: RecordType, read: fn(&RData) -> Option<T>) -> Vec<T> {
        let Some(resolver) = &self.records else { return Vec::new() };
        // The dot keeps the search list out: `_sip._udp.example.com.corp.example` is never meant.
        match resolver.lookup(format!("{name}."), kind).await {
            Ok(found) => found.answers().iter().filter_map(|record| read(&record.data)).take(MAX_TARGETS).collect(),
            Err(_) => Vec::new(),
        }
    }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else { return None };
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: String::from_utf8_lossy(&record.flags).into_owned(),
        service: String::from_utf8_lossy(&record.services).into_owned(),
        replacement: record.replacement.to_utf8(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else { return None };
    Some(Srv { priority: record.priority, weight: record.weight, port: record.port, target: record.target.to_utf8() })
}
