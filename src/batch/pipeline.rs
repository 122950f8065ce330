//! One thread reads, some work, and the caller's writes, at the same time. What is between them is bounded, and comes out in order.

use super::folder::{Folder, Pending};
use super::journal::Cursor;
use super::plan::Plan;
use super::read::{Fault, Rows, named};
use super::{Done, OnError, Progress, guarded};
use crate::{Cancel, Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;

/// A piece of the input.
struct Piece {
    /// The number of its file.
    file: usize,
    rows: Rows,
    faults: Vec<Fault>,
    /// What stands behind it.
    next: Cursor,
    /// Whether a part ends with it.
    last: bool,
    /// Bytes of the input read.
    bytes: u64,
}

/// A piece on which the work is done.
struct Worked {
    file: usize,
    done: Done,
    /// Records of the input.
    count: u64,
    next: Cursor,
    last: bool,
    bytes: u64,
}

type Numbered<T> = (u64, Result<T>);

/// Writes the parts that `folder` has not got yet.
pub(super) fn run(
    plan: &Plan,
    folder: &mut Folder,
    cancel: &Cancel,
    progress: &mut dyn FnMut(&Progress),
) -> Result<()> {
    let threads = plan.job.threads.max(1);
    // Pieces on their way: enough that neither reader nor workers wait for each other, and no more.
    let room = 2 * threads + 2;
    let (pieces, to_work) = bounded::<Numbered<Piece>>(room);
    let (worked, to_write) = bounded::<Numbered<Worked>>(room);
    let (taken, given) = bounded::<()>(room);
    let cursor = folder.cursor();
    let mut writer = Writer::new(plan, folder, progress);
    std::thread::scope(|scope| {
        scope.spawn(move || read(plan, cursor, &taken, &pieces, cancel));
        for _ in 0..threads {
            let (to_work, worked) = (to_work.clone(), worked.clone());
            scope.spawn(move || work(plan, &to_work, &worked, cancel));
        }
        drop((to_work, worked));
        // Where this ends early its ends of the channels are dropped, and with them the threads end.
        writer.all(to_write, given)
    })
}

/// Sends the pieces of the input from `cursor` on; an error is the last.
fn read(plan: &Plan, cursor: Cursor, taken: &Sender<()>, pieces: &Sender<Numbered<Piece>>, cancel: &Cancel) {
    let mut number = 0;
    let mut send = |piece: Result<Piece>| {
        // Whoever writes gives the room back.
        let open = taken.send(()).is_ok() && pieces.send((number, piece)).is_ok();
        number += 1;
        open
    };
    let outcome = guarded(|| read_all(plan, cursor, cancel, &mut |piece| send(Ok(piece))));
    if let Err(error) = outcome {
        send(Err(error));
    }
}

fn read_all(plan: &Plan, cursor: Cursor, cancel: &Cancel, send: &mut dyn FnMut(Piece) -> bool) -> Result<()> {
    let part = plan.job.rows_per_part.max(1);
    let (mut left, mut at) = (part, cursor.at);
    for file in cursor.file..plan.sources.len() {
        let source = &plan.sources[file];
        let before = plan.bytes_before(file);
        let mut reader = plan.input.open(source, &plan.tracks[file], std::mem::take(&mut at))?;
        loop {
            cancel.check()?;
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(super::MAX_BATCH);
            let taken = reader.read(most).map_err(|e| named(e, source))?;
            let count = taken.count();
            if count == 0 {
                break;
            }
            left -= count;
            let last = left == 0;
            let next = Cursor { file, at: reader.position() };
            let bytes = before + reader.consumed();
            if !send(Piece { file, rows: taken.rows, faults: taken.faults, next, last, bytes }) {
                return Ok(());
            }
            if last {
                left = part;
            }
        }
        let metadata = std::fs::metadata(&source.path).map_err(|e| Error::io(source.path.display(), e))?;
        source.check(&metadata)?;
    }
    Ok(())
}

/// Works on pieces until there are none.
fn work(plan: &Plan, pieces: &Receiver<Numbered<Piece>>, worked: &Sender<Numbered<Worked>>, cancel: &Cancel) {
    for (number, piece) in pieces {
        let outcome = piece.and_then(|piece| guarded(|| work_on(plan, piece, cancel)));
        if worked.send((number, outcome)).is_err() {
            return;
        }
    }
}

fn work_on(plan: &Plan, piece: Piece, cancel: &Cancel) -> Result<Worked> {
    let Piece { file, rows, faults, next, last, bytes } = piece;
    let count = (rows.places.len() + faults.len()) as u64;
    let kept = plan.kept(&rows, &plan.sources[file].known.path)?;
    let size = plan.job.rows_per_batch.clamp(1, super::MAX_BATCH);
    let mut done = plan.worker.work(&rows, plan.chosen, kept, size, cancel)?;
    done.faults.extend(faults);
    done.faults.sort_by_key(|fault| fault.place.row);
    Ok(Worked { file, done, count, next, last, bytes })
}

/// Puts pieces back into their order, and into parts.
struct Writer<'a, 'b> {
    plan: &'a Plan<'a>,
    folder: &'a mut Folder,
    progress: &'a mut (dyn FnMut(&Progress) + 'b),
    told: Progress,
    /// Records of all parts in the quarantine.
    quarantined: u64,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(plan: &'a Plan, folder: &'a mut Folder, progress: &'a mut (dyn FnMut(&Progress) + 'b)) -> Self {
        let resumed = folder.parts().map(|part| part.rows).sum();
        let quarantined = folder.parts().map(|part| part.quarantined).sum();
        let total = plan.bytes_before(plan.sources.len());
        let told = Progress { checking: false, rows: resumed, resumed, bytes: 0, total };
        Self { plan, folder, progress, told, quarantined }
    }

    fn all(&mut self, worked: Receiver<Numbered<Worked>>, given: Receiver<()>) -> Result<()> {
        let (mut waiting, mut next, mut pending) = (BTreeMap::new(), 0, None);
        let mut behind = self.folder.cursor();
        for (number, piece) in worked {
            waiting.insert(number, piece);
            while let Some(piece) = waiting.remove(&next) {
                behind = self.piece(piece?, &mut pending)?;
                next += 1;
                // The reader may have ended already.
                let _ = given.try_recv();
            }
        }
        // A job without a record still has one part, which says what its columns are.
        if pending.is_none() && self.folder.next() == 0 {
            pending = Some(self.folder.begin(self.plan)?);
        }
        if let Some(pending) = pending {
            self.folder.commit(pending, behind)?;
        }
        Ok(())
    }

    /// Writes a piece: what stands behind it.
    fn piece(&mut self, piece: Worked, pending: &mut Option<Pending>) -> Result<Cursor> {
        let part = match pending {
            Some(part) => part,
            None => pending.insert(self.folder.begin(self.plan)?),
        };
        let source = &self.plan.sources[piece.file].known.path;
        for fault in &piece.done.faults {
            self.quarantined += 1;
            match self.plan.job.on_error {
                OnError::Quarantine(most) if self.quarantined <= most => self.folder.quarantine(part, source, fault)?,
                OnError::Quarantine(most) => {
                    let remedy =
                        format!("more than {most} records are at fault: --max-errors allows more, with --resume");
                    return Err(located(fault, source, &remedy));
                }
                OnError::Fail => {
                    let remedy = "--on-error quarantine puts such records aside, with --resume too";
                    return Err(located(fault, source, remedy));
                }
            }
        }
        part.rows += piece.count;
        part.good += piece.count - piece.done.faults.len() as u64;
        part.written += piece.done.batch.num_rows() as u64;
        if let (Some(tally), Some(counts)) = (&mut part.tally, &piece.done.counts) {
            tally.merge(counts);
        }
        part.sink.write(&piece.done.batch).map_err(|e| e.at(self.plan.job.output.display()))?;
        self.told.rows += piece.count;
        self.told.bytes = piece.bytes;
        if let Some(part) = pending.take_if(|_| piece.last) {
            self.folder.commit(part, piece.next)?;
        }
        (self.progress)(&self.told);
        Ok(piece.next)
    }
}

/// The error for a record, with its place and two remedies.
fn located(fault: &Fault, source: &str, remedy: &str) -> Error {
    let error = &fault.error;
    let own = error.advice();
    let both = if own.is_empty() { remedy.to_string() } else { format!("{own}; {remedy}") };
    let place = match fault.place.line {
        Some(line) => format!("row {}, line {line}", fault.place.row),
        None => format!("row {}", fault.place.row),
    };
    error.clone().remedy(both).at(place).at(source)
}
