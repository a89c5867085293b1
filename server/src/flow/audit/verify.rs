//! Verification of the chain of the audit log.

use super::chain::{FIRST, hash};
use crate::app::App;
use crate::flow::error::Result;
use crate::store::audit_log::{Head, Link, StoredEntry};
use std::collections::BTreeSet;
use std::fmt;

/// How many entries are read at once.
const BATCH: i64 = 500;
/// The most entries among which moved ones are searched.
const MOST_SUSPECTS: usize = 100;

/// What was found in the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The entry with this number was changed.
    Changed(i64),
    /// The entries with these numbers, both included, are missing.
    Removed(i64, i64),
    /// The entry with this number and id does not belong to the chain.
    Inserted(i64, String),
    /// The entry with the first number is in the place of the second.
    Moved(i64, i64),
    /// The entries with these numbers, both included, come after the newest one that was appended.
    AfterHead(i64, i64),
    /// The row that names the newest entry was removed.
    NoHead,
    /// No entry has this hash.
    UnknownHash(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(seq) => write!(f, "entry {seq} was changed"),
            Self::Removed(from, to) if from == to => write!(f, "entry {from} was removed"),
            Self::Removed(from, to) => write!(f, "entries {from} to {to} were removed"),
            Self::Inserted(seq, id) => write!(f, "entry {seq} with the id {id} was inserted"),
            Self::Moved(from, to) => write!(f, "entry {from} was moved to the place of entry {to}"),
            Self::AfterHead(from, to) if from == to => {
                write!(f, "entry {from} was inserted after the newest entry")
            }
            Self::AfterHead(from, to) => {
                write!(
                    f,
                    "entries {from} to {to} were inserted after the newest entry"
                )
            }
            Self::NoHead => f.write_str("the row of the newest entry in audit_head was removed"),
            Self::UnknownHash(hash) => write!(f, "no entry has the hash {hash}"),
        }
    }
}

/// The result of a verification.
#[derive(Debug)]
pub struct Verified {
    /// The number of entries that were read and have a hash.
    pub entries: u64,
    /// The number of entries without a hash, which servers of before the chain wrote.
    pub unchained: i64,
    /// The newest entry of the chain: its number and its hash; `None` without entries.
    pub head: Option<(i64, String)>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Reads the whole audit log and verifies its chain. `expected` is the hash of an entry as the log of the
/// server has it, which the chain must contain: someone who can write to the database can make a new chain,
/// but not with the same hashes.
///
/// # Errors
/// When the store fails.
pub async fn verify(app: &App, expected: Option<&str>) -> Result<Verified> {
    let mut chain = Chain::new(expected);
    let mut last: Option<(i64, String)> = None;
    let head = loop {
        // Before the entries: a head that names an entry is committed with it.
        let head = app.store.audit_head().await?;
        let after = last.as_ref().map(|(seq, id)| (*seq, id.as_str()));
        let batch = app.store.audit_chain(after, BATCH).await?;
        let Some(end) = batch.last() else { break head };
        last = end.seq.map(|seq| (seq, end.row.id.clone()));
        for entry in batch {
            chain.add(entry)?;
        }
    };
    let unchained = app.store.count_unchained().await?;
    chain.finish(head, unchained)
}

/// An entry of the chain whose content and hash do not match.
struct Suspect {
    entry: StoredEntry,
    link: Link,
}

struct Chain<'a> {
    expected: Option<&'a str>,
    entries: u64,
    /// The entries with the number that is being read.
    group: Vec<StoredEntry>,
    /// The number and the hash of the last entry that belongs to the chain.
    last: (i64, String),
    suspects: Vec<Suspect>,
    findings: BTreeSet<Finding>,
}

impl<'a> Chain<'a> {
    fn new(expected: Option<&'a str>) -> Self {
        Self {
            expected,
            entries: 0,
            group: vec![],
            last: (0, FIRST.into()),
            suspects: vec![],
            findings: BTreeSet::new(),
        }
    }

    /// Adds the next entry in the order of numbers and ids.
    fn add(&mut self, entry: StoredEntry) -> Result<()> {
        if self.group.first().is_some_and(|g| g.seq != entry.seq) {
            self.close_group()?;
        }
        self.entries += 1;
        self.group.push(entry);
        Ok(())
    }

    /// Looks at the entries with one number, of which at most one belongs to the chain.
    fn close_group(&mut self) -> Result<()> {
        let mut group = std::mem::take(&mut self.group);
        let Some(seq) = group.first().and_then(|entry| entry.seq) else {
            return Ok(());
        };
        let next = self.last.0 + 1;
        if seq > next {
            self.findings.insert(Finding::Removed(next, seq - 1));
        }
        let mut own = None;
        if seq >= next {
            let mut best = 0;
            for (at, entry) in group.iter().enumerate() {
                let follows = entry.previous_hash.as_deref() == Some(&self.last.1);
                let rank = 1 + u8::from(is_intact(entry)?) + 2 * u8::from(follows);
                if rank > best {
                    (best, own) = (rank, Some(at));
                }
            }
        }
        let own = own.map(|at| group.remove(at));
        for entry in group {
            self.findings.insert(Finding::Inserted(seq, entry.row.id));
        }
        match own {
            Some(own) => self.follow(own, seq, seq == next),
            None => Ok(()),
        }
    }

    /// Continues the chain with an entry.
    fn follow(&mut self, entry: StoredEntry, seq: i64, adjacent: bool) -> Result<()> {
        let link = Link {
            seq,
            previous_hash: entry.previous_hash.clone().unwrap_or_default(),
            hash: entry.hash.clone().unwrap_or_default(),
        };
        let intact = is_intact(&entry)?;
        if adjacent && link.previous_hash != self.last.1 {
            // An intact entry tells that the one before had another hash. The first one has none before.
            let changed = if intact && seq > 1 { seq - 1 } else { seq };
            self.findings.insert(Finding::Changed(changed));
        }
        if intact && self.expected == Some(&link.hash) {
            self.expected = None;
        }
        self.last = (seq, link.hash.clone());
        if !intact {
            self.findings.insert(Finding::Changed(seq));
            if self.suspects.len() < MOST_SUSPECTS {
                self.suspects.push(Suspect { entry, link });
            }
        }
        Ok(())
    }

    fn finish(mut self, head: Option<Head>, unchained: i64) -> Result<Verified> {
        self.close_group()?;
        self.find_moved()?;
        let (seq, hash) = self.last;
        match head {
            None if seq > 0 => {
                self.findings.insert(Finding::NoHead);
            }
            Some(head) if head.seq > seq => {
                self.findings.insert(Finding::Removed(seq + 1, head.seq));
            }
            Some(head) if head.seq == seq && head.hash != hash => {
                self.findings.insert(Finding::Changed(seq));
            }
            Some(head) if head.seq < seq => {
                self.findings.insert(Finding::AfterHead(head.seq + 1, seq));
            }
            Some(_) | None => {}
        }
        if let Some(expected) = self.expected {
            self.findings.insert(Finding::UnknownHash(expected.into()));
        }
        Ok(Verified {
            entries: self.entries,
            unchained,
            head: (seq > 0).then_some((seq, hash)),
            findings: self.findings.into_iter().collect(),
        })
    }

    /// Says of changed entries that they are in each other's place, where their content matches there.
    fn find_moved(&mut self) -> Result<()> {
        for to in &self.suspects {
            for from in &self.suspects {
                let seq = from.link.seq;
                let row = &to.entry.row;
                // Either the numbers were exchanged, or the content.
                let moved = hash(row, seq, &to.link.previous_hash)? == to.link.hash
                    || hash(row, seq, &from.link.previous_hash)? == from.link.hash;
                if seq != to.link.seq && moved {
                    self.findings.remove(&Finding::Changed(to.link.seq));
                    self.findings.insert(Finding::Moved(seq, to.link.seq));
                }
            }
        }
        Ok(())
    }
}

/// Whether an entry has the hash of its content.
fn is_intact(entry: &StoredEntry) -> Result<bool> {
    let (Some(seq), Some(previous)) = (entry.seq, &entry.previous_hash) else {
        return Ok(false);
    };
    Ok(entry.hash == Some(hash(&entry.row, seq, previous)?))
}
