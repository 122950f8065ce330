//! The folder of a job: parts that have their names only once they are whole and on the disk, and the journal that counts them.

use super::eval::Tally;
use super::journal::{Cursor, Finished, Header, Journal, Part, PartFile};
use super::plan::Plan;
use super::read::Fault;
use super::source::{Known, hex};
use super::write::{Digested, Sink, failed};
use super::{Summary, foreign};
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const JOURNAL: &str = "_journal.jsonl";
const QUARANTINE: &str = "_quarantine";
const SUCCESS: &str = "_SUCCESS";
const METRICS: &str = "metrics.json";

/// How the names of unfinished files begin and end.
const UNFINISHED: (&str, &str) = (".", ".unfinished");

pub(super) struct Folder {
    path: PathBuf,
    /// The folder, locked as long as the job runs.
    _lock: Option<File>,
    journal: File,
    header: Header,
    parts: Vec<Finished>,
    done: bool,
}

impl Folder {
    /// Whether a job was begun in this folder.
    pub fn begun(path: &Path) -> bool {
        path.join(JOURNAL).is_file()
    }

    /// Makes the folder of a job, or goes on with it.
    pub fn open(plan: &Plan) -> Result<Self> {
        let path = &plan.job.output;
        let input: Vec<Known> = plan.sources.iter().map(|source| source.known.clone()).collect();
        let lock = lock(path)?;
        let there = entries(path)?;
        let begun = there.iter().any(|name| name == JOURNAL);
        let foreign = there.iter().find(|name| !is_unfinished(name));
        match (begun, plan.job.resume, foreign) {
            (true, false, _) => {
                return Err(Error::new(ErrorKind::Argument, "the folder holds a job already")
                    .at(path.display())
                    .remedy("go on with it by --resume, or write into another folder"));
            }
            (false, _, Some(name)) => {
                return Err(Error::new(ErrorKind::Argument, format!("the folder exists, and holds {name}"))
                    .at(path.display())
                    .remedy("write into another one"));
            }
            (true, true, _) => {}
            (false, _, None) => {
                let header = Header::new(number()?, plan.identity.clone(), input.clone());
                whole(path, JOURNAL, &line(&header)?)?;
            }
        }
        let mut folder = Self::read(path, lock)?;
        folder.header.check(&plan.identity, &input).map_err(|e| e.at(path.display()))?;
        folder.tidy()?;
        folder.verify(plan)?;
        folder.done = there.iter().any(|name| name == SUCCESS);
        Ok(folder)
    }

    /// Reads the journal, and cuts off a line that is not whole.
    fn read(path: &Path, lock: Option<File>) -> Result<Self> {
        let place = path.join(JOURNAL);
        let io = |e| Error::io(place.display(), e);
        let mut journal = OpenOptions::new().read(true).write(true).open(&place).map_err(io)?;
        let mut bytes = Vec::new();
        journal.read_to_end(&mut bytes).map_err(io)?;
        let found = Journal::parse(&bytes).map_err(|e| e.at(place.display()))?;
        journal.set_len(found.length).map_err(io)?;
        journal.seek(SeekFrom::End(0)).map_err(io)?;
        let (header, parts) = (found.header, found.parts);
        Ok(Self { path: path.to_path_buf(), _lock: lock, journal, header, parts, done: false })
    }

    /// Deletes what an earlier run did not finish.
    fn tidy(&self) -> Result<()> {
        let names = entries(&self.path)?.into_iter().map(|name| self.path.join(name));
        let quarantine = self.path.join(QUARANTINE);
        let quarantined = entries(&quarantine)?.into_iter().map(|name| quarantine.join(name));
        let unfinished = |path: &PathBuf| path.file_name().is_some_and(|name| is_unfinished(&name.to_string_lossy()));
        for path in names.chain(quarantined).filter(unfinished) {
            fs::remove_file(&path).map_err(|e| Error::io(path.display(), e))?;
        }
        Ok(())
    }

    /// That the finished parts are what the journal says.
    fn verify(&self, plan: &Plan) -> Result<()> {
        for finished in &self.parts {
            let quarantine = finished.part.quarantine.iter();
            for file in std::iter::once(&finished.part.file).chain(quarantine) {
                let path = self.path.join(&file.name);
                let (bytes, sha256) = digest(&path).map_err(|e| Error::io(path.display(), e))?;
                if (bytes, &sha256) != (file.bytes, &file.sha256) {
                    return Err(Error::new(ErrorKind::Integrity, "the part is not what the job wrote")
                        .at(path.display())
                        .remedy("write into another folder"));
                }
            }
            if finished.next.file > plan.sources.len() {
                let error = Error::new(ErrorKind::Input, "the journal names a file that the job does not have");
                return Err(error.at(self.path.join(JOURNAL).display()).remedy("write into another folder"));
            }
        }
        Ok(())
    }

    /// Whether nothing is left to do.
    pub fn finished(&self) -> bool {
        self.done
    }

    /// Where the next part begins.
    pub fn cursor(&self) -> Cursor {
        self.parts.last().map_or_else(Cursor::default, |finished| finished.next)
    }

    /// The number of the next part.
    pub fn next(&self) -> u64 {
        self.parts.len() as u64
    }

    /// The finished parts.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().map(|finished| &finished.part)
    }

    /// Begins the next part.
    pub fn begin(&self, plan: &Plan) -> Result<Pending> {
        let number = self.next();
        let name = format!("part-{number:05}.{}", plan.job.to.extension(plan.compression));
        let unfinished = Unfinished::new(&self.path, &name);
        let at = |e: Error| e.at(self.path.join(&name).display());
        let file = unfinished.create().map_err(at)?;
        let sink = Sink::new(file, plan.job.to, plan.compression, &plan.schema).map_err(at)?;
        let tally = plan.evaluation().map(super::Eval::tally);
        Ok(Pending { number, unfinished, sink, rows: 0, good: 0, quarantined: 0, written: 0, quarantine: None, tally })
    }

    /// Sees a part onto the disk, gives it its name and writes it into the journal.
    pub fn commit(&mut self, pending: Pending, next: Cursor) -> Result<()> {
        let quarantine = match pending.quarantine {
            None => None,
            Some((unfinished, file)) => {
                let mut file = unfinished.finish(file)?;
                file.name = format!("{QUARANTINE}/{}", file.name);
                sync_folder(&self.path)?;
                Some(file)
            }
        };
        let at = self.path.join(&pending.unfinished.name);
        let file = pending.sink.finish().map_err(|e| e.at(at.display()))?;
        let file = pending.unfinished.finish(file)?;
        let part = Part {
            part: pending.number,
            rows: pending.rows,
            good: pending.good,
            quarantined: pending.quarantined,
            written: pending.written,
            file,
            quarantine,
        };
        let finished = Finished { part, next, counts: pending.tally };
        let line = line(&finished)?;
        let written = self.journal.write_all(&line).and_then(|()| self.journal.sync_data());
        written.map_err(|e| failed(e).at(self.path.join(JOURNAL).display()))?;
        self.parts.push(finished);
        Ok(())
    }

    /// Writes `_SUCCESS`, and the scores of an evaluation before it.
    pub fn succeed(&mut self, plan: &Plan) -> Result<Summary> {
        let metrics = plan.evaluation().map(|eval| {
            let mut tally = eval.tally();
            self.parts.iter().filter_map(|finished| finished.counts.as_ref()).for_each(|counts| tally.merge(counts));
            eval.metrics(tally)
        });
        if let Some(metrics) = &metrics {
            whole(&self.path, METRICS, &line(metrics)?)?;
        }
        let sum = |of: fn(&Part) -> u64| self.parts().map(of).sum();
        let summary = Summary {
            job: self.header.job.clone(),
            rows: sum(|part| part.rows),
            good: sum(|part| part.good),
            quarantined: sum(|part| part.quarantined),
            written: sum(|part| part.written),
            metrics,
            parts: self.parts().cloned().collect(),
        };
        whole(&self.path, SUCCESS, &line(&summary)?)?;
        self.done = true;
        Ok(summary)
    }

    /// What `_SUCCESS` says.
    pub fn summary(&self) -> Result<Summary> {
        let path = self.path.join(SUCCESS);
        let bytes = fs::read(&path).map_err(|e| Error::io(path.display(), e))?;
        serde_json::from_slice(&bytes).map_err(|e| foreign(ErrorKind::Input, e).at(path.display()))
    }

    /// Writes a record at fault into the quarantine of `pending`.
    pub fn quarantine(&self, pending: &mut Pending, source: &str, fault: &Fault) -> Result<()> {
        let name = format!("part-{:05}.jsonl", pending.number);
        let folder = self.path.join(QUARANTINE);
        let at = |e: Error| e.at(folder.join(&name).display());
        if pending.quarantine.is_none() {
            fs::create_dir_all(&folder).map_err(|e| at(failed(e)))?;
            let unfinished = Unfinished::new(&folder, &name);
            let file = unfinished.create().map_err(at)?;
            pending.quarantine = Some((unfinished, file));
        }
        let Some((_, file)) = &mut pending.quarantine else { return Ok(()) };
        let record = Quarantined {
            source,
            row: fault.place.row,
            offset: fault.place.offset,
            line: fault.place.line,
            stage: fault.stage,
            reason: fault.error.to_string(),
        };
        file.write_all(&line(&record)?).map_err(|e| at(failed(e)))?;
        pending.quarantined += 1;
        Ok(())
    }
}

/// A part on its way.
pub(super) struct Pending {
    pub number: u64,
    unfinished: Unfinished,
    pub sink: Sink,
    pub rows: u64,
    pub good: u64,
    pub quarantined: u64,
    pub written: u64,
    quarantine: Option<(Unfinished, Digested)>,
    pub tally: Option<Tally>,
}

/// A record at fault, as it is written.
#[derive(Serialize)]
struct Quarantined<'a> {
    source: &'a str,
    row: u64,
    offset: Option<u64>,
    line: Option<u64>,
    stage: &'a str,
    reason: String,
}

/// A file that has not got its name yet; it is deleted where it never does.
struct Unfinished {
    folder: PathBuf,
    name: String,
    path: PathBuf,
    kept: bool,
}

impl Unfinished {
    fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(format!("{}{name}{}", UNFINISHED.0, UNFINISHED.1));
        Self { folder: folder.to_path_buf(), name: name.to_string(), path, kept: false }
    }

    fn create(&self) -> Result<Digested> {
        Digested::create(&self.path).map_err(failed)
    }

    /// Sees `file` onto the disk, and gives it its name.
    fn finish(mut self, file: Digested) -> Result<PartFile> {
        let target = self.folder.join(&self.name);
        let (bytes, sha256) = file.sync().map_err(|e| failed(e).at(target.display()))?;
        fs::rename(&self.path, &target).map_err(|e| failed(e).at(target.display()))?;
        self.kept = true;
        sync_folder(&self.folder)?;
        Ok(PartFile { name: self.name.clone(), bytes, sha256 })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            // Best effort: the next run deletes it otherwise.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1)
}

/// The names in a folder; none where it does not exist.
fn entries(path: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::io(path.display(), e);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

/// Makes the folder where there is none, and locks it against other processes, where folders can be locked.
fn lock(path: &Path) -> Result<Option<File>> {
    let failed = |e| Error::io(path.display(), e);
    if !path.exists() {
        fs::create_dir_all(path).map_err(failed)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
    }
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(path).map_err(failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Error::new(ErrorKind::Argument, "another process works on this job")
            .at(path.display())
            .remedy("wait for it, or end it")),
        // Some file systems have none.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// Writes a file that is there as a whole or not at all.
fn whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let unfinished = Unfinished::new(folder, name);
    let at = |e: Error| e.at(folder.join(name).display());
    let mut file = unfinished.create().map_err(at)?;
    file.write_all(bytes).map_err(|e| at(failed(e)))?;
    unfinished.finish(file).map(drop)
}

/// Sees the names in a folder onto the disk.
fn sync_folder(path: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| failed(e).at(path.display()))?;
    }
    Ok(())
}

fn line(of: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(of).map_err(|e| foreign(ErrorKind::Engine, e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// 128 random bits.
fn number() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::new(ErrorKind::Io, format!("no random numbers: {e}")))?;
    Ok(hex(&bytes))
}

/// Length and SHA-256 of a file.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let (mut block, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok((bytes, hex(&digest.finalize()))),
            length => {
                digest.update(&block[..length]);
                bytes += length as u64;
            }
        }
    }
}
