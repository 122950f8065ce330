//! `mtl batch`, as clap reads it.

use super::{EngineArgs, OffsetUnit, SchemeName, ZooArgs, mapping};
use clap::{Args, Subcommand, ValueEnum};
use libmtl::batch;
use std::path::PathBuf;

/// `mtl batch`.
#[derive(Debug, Args)]
pub struct BatchArgs {
    /// What to do with the rows.
    #[command(subcommand)]
    pub command: BatchCommand,
}

/// What `mtl batch` does.
#[derive(Debug, Subcommand)]
pub enum BatchCommand {
    /// Tag the rows of files: a column of results, or a row a span
    Tag(BatchTagArgs),
    /// Predict which words of exercises learners will get wrong
    Score(BatchScoreArgs),
    /// Score a model on annotated files; prints one JSON object
    Eval(BatchEvalArgs),
}

/// What every job has.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// A file, a folder or a glob; may be repeated
    #[arg(long, short, value_name = "PATH", required = true)]
    pub input: Vec<PathBuf>,
    /// The folder to write
    #[arg(long, short, value_name = "FOLDER")]
    pub output: PathBuf,
    /// What the files hold [default: as their names say]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<InputFormat>,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "parquet")]
    pub to: OutputFormat,
    /// How to compress it [default: zstd for parquet, none for the others]
    #[arg(long, value_name = "METHOD")]
    pub compress: Option<Compression>,
    /// A column of the input that goes along; may be repeated [default: all]
    #[arg(long, value_name = "COLUMN")]
    pub keep: Vec<String>,
    /// Add the columns source and row: where each row stood
    #[arg(long)]
    pub source: bool,
    /// The name of the column of results
    #[arg(long = "as", value_name = "NAME", default_value = "mtl")]
    pub column: String,
    /// In CoNLL, lines that begin with "# " are comments
    #[arg(long)]
    pub comments: bool,
    /// Records of the input a part of the output
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rows_per_part: u64,
    /// Rows that go through the model together, 512 at most; the output does not depend on it
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=batch::MAX_BATCH as i64))]
    pub rows_per_batch: u16,
    /// What becomes of a record at fault: it ends the job, or is put aside
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub on_error: OnError,
    /// The most records that are put aside before the job ends
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub max_errors: u64,
    /// Go on where a job of the same input, model and options ended; begin where there is none
    #[arg(long)]
    pub resume: bool,
    /// No progress and no notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// Which column holds the text.
#[derive(Debug, Args)]
pub struct ColumnArgs {
    /// The column of running text [default: text]
    #[arg(long, value_name = "COLUMN", conflicts_with = "tokens")]
    pub text: Option<String>,
    /// The column of words: lists of strings, or strings with blanks between the words [default: as CoNLL and .slam have it]
    #[arg(long, value_name = "COLUMN")]
    pub tokens: Option<String>,
    /// The column of the token in CoNLL, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub token_column: usize,
}

/// `mtl batch tag`.
#[derive(Debug, Args)]
pub struct BatchTagArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub column: ColumnArgs,
    /// The model: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH", default_value = "mtl-base")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// A task; may be repeated [default: all of the model's]
    #[arg(long, short, value_name = "T")]
    pub task: Vec<String>,
    /// The language of all rows, ISO 639-1 [default: detected in each row]
    #[arg(long, short, value_name = "L")]
    pub lang: Option<String>,
    /// How to lay the results out
    #[arg(long, value_name = "LAYOUT", default_value = "nested")]
    pub layout: Layout,
    /// With the confidence of each token and span
    #[arg(long)]
    pub scores: bool,
    /// The unit of offsets
    #[arg(long, value_name = "UNIT", default_value = "codepoints")]
    pub offsets: OffsetUnit,
    /// Tag a language that the task was not trained on, by what the languages share (needs --task and --lang)
    #[arg(long, requires_all = ["task", "lang"])]
    pub zero_shot: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `mtl batch score`.
#[derive(Debug, Args)]
pub struct BatchScoreArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// The model, a scorer: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The track of the files [default: as their names begin, en_es.slam.test, or the model's only one]
    #[arg(long, value_name = "T")]
    pub track: Option<String>,
    /// The table of word vectors by sentence, for a model that has none of its own
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    /// Score these learners with what `mtl adapt` has found of them
    #[arg(long, value_name = "FILE")]
    pub learners: Option<PathBuf>,
    /// Undo the bias that training's weight of mistakes gives to probabilities; their order stays
    #[arg(long)]
    pub calibrated: bool,
    /// How to lay the results out: a row an exercise, or a row a word
    #[arg(long, value_name = "LAYOUT", default_value = "nested")]
    pub layout: Layout,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// `mtl batch eval`.
#[derive(Debug, Args)]
pub struct BatchEvalArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub column: ColumnArgs,
    /// The model, a tagger: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The task
    #[arg(long, short, value_name = "T")]
    pub task: String,
    /// The language, ISO 639-1
    #[arg(long, short, value_name = "L")]
    pub lang: String,
    /// The column of the gold labels [default: upos of CoNLL-U, the last one of CoNLL]
    #[arg(long, value_name = "COLUMN")]
    pub gold: Option<String>,
    /// How the gold labels encode spans [default: iob1, which reads iob2 as well, for a task of spans, else plain]
    #[arg(long, value_name = "SCHEME")]
    pub scheme: Option<SchemeName>,
    /// Read the gold label OLD as NEW, O for none, before scoring; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = mapping)]
    pub map: Vec<(String, String)>,
    /// The same for the labels that the model predicts, where the data does not annotate them
    #[arg(long, value_name = "OLD=NEW", value_parser = mapping)]
    pub map_predicted: Vec<(String, String)>,
    /// Score a language that the task was not trained on, by what the languages share
    #[arg(long)]
    pub zero_shot: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What jobs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// Apache Parquet
    Parquet,
    /// Arrow's IPC format, file or stream
    Arrow,
    /// A header and records
    Csv,
    /// One JSON object a line
    Jsonl,
    /// One token a line, an empty line between sentences
    Conll,
    /// Universal Dependencies' format
    Conllu,
    /// Exercises of the shared task on second language acquisition modelling
    Slam,
    /// A text a line
    Text,
}

impl From<InputFormat> for batch::Format {
    fn from(format: InputFormat) -> Self {
        match format {
            InputFormat::Parquet => Self::Parquet,
            InputFormat::Arrow => Self::Arrow,
            InputFormat::Csv => Self::Csv,
            InputFormat::Jsonl => Self::Jsonl,
            InputFormat::Conll => Self::Conll,
            InputFormat::Conllu => Self::Conllu,
            InputFormat::Slam => Self::Slam,
            InputFormat::Text => Self::Text,
        }
    }
}

/// What jobs write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Apache Parquet
    Parquet,
    /// Arrow's IPC file format
    Arrow,
    /// One JSON object a line
    Jsonl,
    /// A header and records; lists and structs as JSON
    Csv,
}

impl From<OutputFormat> for batch::OutputFormat {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Parquet => Self::Parquet,
            OutputFormat::Arrow => Self::Arrow,
            OutputFormat::Jsonl => Self::Jsonl,
            OutputFormat::Csv => Self::Csv,
        }
    }
}

/// How they compress it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// As gzip does
    Gzip,
    /// Zstandard
    Zstd,
}

impl From<Compression> for batch::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// How they lay results out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// A row of the output is a row of the input
    Nested,
    /// A row of the output is a span, or a word
    Spans,
}

impl From<Layout> for batch::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Nested => Self::Nested,
            Layout::Spans => Self::Spans,
        }
    }
}

/// What becomes of a record at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// It ends the job; finished parts are kept
    Fail,
    /// It is written to the folder _quarantine of the output
    Quarantine,
}
