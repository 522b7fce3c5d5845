use std::{sync::Arc, time::Duration};

use keepline_protocol::{Epoch, LedgerCursor, LedgerMark, LedgerStatus, Payload, Tag};

use super::*;
use crate::{
    clock::Clock,
    config::Retention,
    hub::Fanout,
    ids::Owner,
    owners,
    storage::{Storage, StorageMode, StorageOptions},
};

struct Desk {
    storage: Storage,
    owner: OwnerId,
    _folder: tempfile::TempDir,
}

async fn desk(ledger_max: u64) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { ledger_max, ..Retention::default() };
    let options = StorageOptions {
        mode: StorageMode::Inline,
        retention,
        clock: Clock::new(|| std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
        fanout: Arc::new(Fanout::default()),
    };
    let storage = Storage::open(folder.path(), options).unwrap();
    let owner = storage.write(|tx| owners::find_or_create(tx, &Owner::subject("alice"))).await.unwrap().id;
    Desk { storage, owner, _folder: folder }
}

impl Desk {
    /// Records so many actions and gives the tag after each, the first before any.
    async fn fill(&self, count: u64) -> Vec<Tag> {
        let owner = self.owner;
        let mut tags = vec![Tag::START];
        for _ in 0..count.div_ceil(500) {
            let chunk = 500.min(count - (tags.len() as u64 - 1));
            let more = move |tx: &mut Txn<'_>| {
                (0..chunk)
                    .map(|_| applied(tx, owner, ActionId::random()).map(|recorded| recorded.tag))
                    .collect()
            };
            let more: Vec<Tag> = self.storage.write(more).await.unwrap();
            tags.extend(more);
        }
        tags
    }

    async fn compare(&self, position: u64, tag: Tag) -> LedgerStatus {
        let (owner, epoch) = (self.owner, self.storage.epoch().clone());
        let cursor = LedgerCursor { epoch: epoch.clone(), position, tag };
        self.storage.read(move |conn| compare(conn, owner, &epoch, &cursor)).await.unwrap()
    }

    async fn admit(&self, claim: Claim) -> Admission {
        let owner = self.owner;
        self.storage.write(move |tx| admit(tx, owner, claim, None)).await.unwrap()
    }
}

fn applied(tx: &mut Txn<'_>, owner: OwnerId, id: ActionId) -> Result<Recorded, StorageError> {
    record(tx, owner, id, None, Outcome::Applied(Payload::null()))
}

fn claim(position: u64) -> Claim {
    let mark = Some(LedgerMark { position, tag: Tag::START });
    Claim { id: ActionId::random(), prev: None, mark }
}

fn code(admission: Admission) -> Option<ErrorCode> {
    match admission {
        Admission::Refused(error) => Some(error.code),
        Admission::Known(_) | Admission::Apply => None,
    }
}

#[tokio::test]
async fn checkpoints_outlast_the_entries() {
    let desk = desk(100).await;
    let tags = desk.fill(2_500).await;
    assert_eq!(desk.compare(2_500, tags[2_500]).await, LedgerStatus::Ok);
    assert_eq!(desk.compare(2_401, tags[2_401]).await, LedgerStatus::Ok);
    // Each thousandth position for ever, the others below the floor not.
    assert_eq!(desk.compare(1_000, tags[1_000]).await, LedgerStatus::Ok);
    assert_eq!(desk.compare(2_000, tags[1_999]).await, LedgerStatus::RolledBack);
    assert_eq!(desk.compare(1_999, tags[1_999]).await, LedgerStatus::Unverifiable);
    assert_eq!(desk.compare(2_501, tags[2_500]).await, LedgerStatus::RolledBack);
    assert_eq!(desk.compare(0, Tag::START).await, LedgerStatus::Ok);
}

#[tokio::test]
async fn the_floor_is_the_newest_forgotten_position() {
    let desk = desk(10).await;
    desk.fill(25).await;
    assert_eq!(code(desk.admit(claim(14)).await), Some(ErrorCode::Indeterminate));
    assert_eq!(code(desk.admit(claim(15)).await), None);
    let owner = desk.owner;
    let ledger = desk.storage.read(move |conn| Ledger::read(conn, owner)).await.unwrap();
    assert_eq!((ledger.position, ledger.floor), (25, 15));
}

#[tokio::test]
async fn a_forgotten_predecessor_is_out_of_order() {
    let desk = desk(2).await;
    let owner = desk.owner;
    let old = ActionId::random();
    desk.storage.write(move |tx| applied(tx, owner, old).map(|_| ())).await.unwrap();
    let after = |position| Claim { prev: Some(old), ..claim(position) };
    assert_eq!(code(desk.admit(after(0)).await), None);
    desk.fill(5).await;
    assert_eq!(code(desk.admit(after(6)).await), Some(ErrorCode::OutOfOrder));
}

#[tokio::test]
async fn a_rolled_back_piece_takes_its_positions_back() {
    let desk = desk(100).await;
    let owner = desk.owner;
    let failed: Result<(), _> = desk
        .storage
        .write(move |tx| {
            applied(tx, owner, ActionId::random())?;
            Err(StorageError::NotCommitted)
        })
        .await;
    assert!(failed.is_err());
    let recorded = desk.storage.write(move |tx| applied(tx, owner, ActionId::random())).await.unwrap();
    assert_eq!(recorded.position, 1);
}

#[tokio::test]
async fn another_epoch_is_another_history() {
    let desk = desk(100).await;
    let tags = desk.fill(1).await;
    let owner = desk.owner;
    let other = Epoch::new("another").unwrap();
    let cursor = LedgerCursor { epoch: other, position: 1, tag: tags[1] };
    let epoch = desk.storage.epoch().clone();
    let status = desk.storage.read(move |conn| compare(conn, owner, &epoch, &cursor)).await.unwrap();
    assert_eq!(status, LedgerStatus::RolledBack);
}

#[test]
fn a_digest_knows_values_and_not_their_spelling() {
    let digest = |text: &str| Digest::of("x:v1", &Payload::parse(text).unwrap());
    assert_eq!(digest(r#"{"a":1,"b":[true,null]}"#), digest("{ \"b\" : [true, null],\n\"a\":1}"));
    assert_eq!(digest(r#""\u0061""#), digest(r#""a""#));
    assert_ne!(digest("1"), digest("2"));
    assert_ne!(digest("[1,2]"), digest("[2,1]"));
    assert_ne!(Digest::of("x:v1", &Payload::null()), Digest::of("y:v1", &Payload::null()));
}
