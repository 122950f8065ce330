//! The command line, as clap reads it.

pub mod batch;
mod names;

use clap::{Args, Parser, Subcommand, ValueEnum};
use libmtl::engine::Form;
use libmtl::kernels::KernelName;
use libmtl::text::scheme::Scheme;
use std::path::PathBuf;

pub use names::{EngineName, ProviderName};

/// Tags text with multi-task models: names, parts of speech, chunks.
#[derive(Debug, Parser)]
#[command(name = "mtl", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tag text, tokens or CoNLL files
    Tag(TagArgs),
    /// Score a model on an annotated file; prints one JSON object
    Eval(EvalArgs),
    /// Align learners' answers with the right ones: which words were wrong
    Align(AlignArgs),
    /// Predict which words of exercises learners will get wrong
    Score(ScoreArgs),
    /// Fit learners to what they have answered, for score --learners; the model does not change
    Adapt(AdaptArgs),
    /// Tag, score or evaluate files of any size, in a job that can be resumed
    Batch(batch::BatchArgs),
    /// Check a model's digests, and its golden cases on each engine at hand
    Verify(VerifyArgs),
    /// List the models of the zoo
    Models(ModelsArgs),
    /// Write a copy of a model that has the fused graph too, for --engine onnx --graph fused
    Fuse(FuseArgs),
    /// Say what this processor has and which kernel is chosen for it
    Info(InfoArgs),
}

/// Where the zoo is.
#[derive(Debug, Args)]
pub struct ZooArgs {
    /// The folder of the zoo [default: ./models, or the one installed beside this program]
    #[arg(long, value_name = "DIR", env = "MTL_ZOO")]
    pub zoo: Option<PathBuf>,
}

/// Who does the arithmetic.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// The engine: native needs nothing else, onnx needs ONNX Runtime's shared library, cuda a build with it and a GPU
    #[arg(long, value_name = "ENGINE", default_value = "native")]
    pub engine: EngineName,
    /// An execution provider of ONNX Runtime that must be used, or the command fails; may be repeated
    #[arg(long, value_name = "P")]
    pub provider: Vec<ProviderName>,
    /// An execution provider to use if it is there; tried in the order given, together with --provider
    #[arg(long, value_name = "P")]
    pub prefer: Vec<ProviderName>,
    /// ONNX Runtime's shared library (1.28)
    #[arg(long, value_name = "PATH")]
    pub ort_library: Option<PathBuf>,
    /// The graph that ONNX Runtime runs: portable, or fused, which mtl fuse adds to a model [default: portable]
    #[arg(long, value_name = "GRAPH")]
    pub graph: Option<Form>,
    /// The kernel that the native engine computes with [default: the fastest of this processor; mtl info lists them]
    #[arg(long, value_name = "KERNEL")]
    pub kernel: Option<KernelName>,
    /// KiB that the native engine may keep of the words that come again, 0 for none [default: 2048]
    #[arg(long, value_name = "KIB")]
    pub word_cache: Option<u32>,
    #[command(flatten)]
    pub gpu: GpuArgs,
    /// Threads to compute with [default: the processors of this machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The providers in the order of the command line, filled in after parsing
    #[arg(skip)]
    pub order: Vec<(ProviderName, bool)>,
}

/// What the engine cuda and ONNX Runtime's providers for GPUs are told.
#[derive(Debug, Args)]
pub struct GpuArgs {
    /// The number of the GPU, for the engine cuda and the providers cuda and tensorrt [default: 0]
    #[arg(long, value_name = "N")]
    pub gpu_device: Option<u16>,
    /// MiB that the arena of the provider cuda may take [default: no limit]
    #[arg(long, value_name = "MIB")]
    pub gpu_memory: Option<u32>,
    /// An existing folder in which the provider tensorrt keeps the engines that it builds; nobody else may write to it
    #[arg(long, value_name = "FOLDER")]
    pub tensorrt_cache: Option<PathBuf>,
    /// Let the provider tensorrt compute in half precision
    #[arg(long)]
    pub tensorrt_fp16: bool,
    /// An existing folder in which the engine cuda, and the fused graph on the provider cuda, keep the kernels that they
    /// compile; nobody else may write to it
    #[arg(long, value_name = "FOLDER")]
    pub kernel_cache: Option<PathBuf>,
}

/// `mtl tag`.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// Files to tag, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub files: Vec<PathBuf>,
    /// The model: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH", default_value = "mtl-base")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The task [default: every task that was trained on the language]
    #[arg(long, short, value_name = "T")]
    pub task: Option<String>,
    /// The language, ISO 639-1 [default: detected among the model's languages]
    #[arg(long, short, value_name = "L")]
    pub lang: Option<String>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// What the files hold: running text, tokens (blank between tokens, one sentence a line), CoNLL or CoNLL-U
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub input: TagInput,
    /// How to write the tags
    #[arg(long, short, value_name = "FORMAT", default_value = "pretty")]
    pub output: OutputFormat,
    /// With the confidence of each token and span
    #[arg(long)]
    pub scores: bool,
    /// With the N best taggings of each sentence (pretty and jsonl)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub nbest: Option<u16>,
    /// The unit of offsets in jsonl
    #[arg(long, value_name = "UNIT", default_value = "bytes")]
    pub offsets: OffsetUnit,
    /// The column of the token in CoNLL, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub token_column: usize,
    /// In CoNLL, lines that begin with "# " are comments
    #[arg(long)]
    pub comments: bool,
    /// Tag a language that the task was not trained on, by what the languages share (needs --task and --lang)
    #[arg(long, requires_all = ["task", "lang"])]
    pub zero_shot: bool,
    /// No notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// `mtl eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The model: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH")]
    pub model: Option<String>,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The task
    #[arg(long, short, value_name = "T")]
    pub task: Option<String>,
    /// The language, ISO 639-1
    #[arg(long, short, value_name = "L")]
    pub lang: Option<String>,
    /// The annotated file, - for standard input; for a scorer exercises in the format .slam; with --predictions a key or a
    /// labelled .slam file
    #[arg(long, short, value_name = "FILE")]
    pub data: PathBuf,
    /// Score these predictions of mistakes instead of a model: lines `instance probability`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "task", "lang", "input", "token_column",
        "label_column", "scheme", "map", "map_predicted", "comments", "zero_shot", "track", "vectors", "key", "calibrated",
        "learners"])]
    pub predictions: Option<PathBuf>,
    /// Take away first the shift of a model that was trained with mistakes weighted by A and other words by 1 - A
    #[arg(long, value_name = "A", requires = "predictions")]
    pub alpha: Option<f64>,
    /// Write a reliability diagram, before and after --alpha
    #[arg(long, value_name = "FILE.svg", requires = "predictions")]
    pub reliability: Option<PathBuf>,
    /// The track of a scorer's exercises [default: as the file's name begins, en_es.slam.test, or the model's only one]
    #[arg(long, value_name = "T")]
    pub track: Option<String>,
    /// A scorer's table of word vectors by sentence, where it has none of its own
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    /// The labels of a scorer's exercises, lines `instance label` [default: those in the file]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Score these learners with what `mtl adapt` has found of them
    #[arg(long, value_name = "FILE")]
    pub learners: Option<PathBuf>,
    /// Undo first the bias that training's weight of mistakes gives to a scorer's probabilities
    #[arg(long)]
    pub calibrated: bool,
    /// What it is [default: conllu or iob2 when its name ends so, else conll]
    #[arg(long, short, value_name = "FORMAT")]
    pub input: Option<EvalInput>,
    /// The column of the token in CoNLL, from 0 [default: 0]
    #[arg(long, value_name = "N")]
    pub token_column: Option<usize>,
    /// The column of the gold label, from 0; -1 is the last [default: the last; UPOS in CoNLL-U]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub label_column: Option<isize>,
    /// How the gold labels encode spans [default: iob1, which reads iob2 as well, for a task of spans, else plain]
    #[arg(long, value_name = "SCHEME")]
    pub scheme: Option<SchemeName>,
    /// Read the gold label OLD as NEW, O for none, before scoring; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = mapping)]
    pub map: Vec<(String, String)>,
    /// The same for the labels that the model predicts, where the data does not annotate them
    #[arg(long, value_name = "OLD=NEW", value_parser = mapping)]
    pub map_predicted: Vec<(String, String)>,
    /// In CoNLL, lines that begin with "# " are comments
    #[arg(long)]
    pub comments: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Score a language that the task was not trained on, by what the languages share
    #[arg(long)]
    pub zero_shot: bool,
    /// No progress and no notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// `mtl align`.
#[derive(Debug, Args)]
pub struct AlignArgs {
    /// The correct sentence, and what the learner wrote; without them, pairs are read from --data
    #[arg(value_names = ["CORRECT", "ANSWER"], num_args = 2)]
    pub sentences: Vec<String>,
    /// A file of pairs, - for standard input
    #[arg(long, short, value_name = "FILE", default_value = "-", conflicts_with = "sentences")]
    pub data: PathBuf,
    /// What it is
    #[arg(long, short, value_name = "FORMAT", default_value = "tsv")]
    pub input: PairInput,
    /// How to write what is found
    #[arg(long, short, value_name = "FORMAT", default_value = "pretty")]
    pub output: AlignOutput,
    /// Upper and lower case are different
    #[arg(long)]
    pub case: bool,
    /// Punctuation counts
    #[arg(long)]
    pub punctuation: bool,
    /// Letters with and without accents are different
    #[arg(long)]
    pub accents: bool,
    /// The unit of offsets in jsonl
    #[arg(long, value_name = "UNIT", default_value = "bytes")]
    pub offsets: OffsetUnit,
    /// No notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// `mtl score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// Files of exercises in the format .slam, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub files: Vec<PathBuf>,
    /// The model, a scorer: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The track of the files [default: as their names begin, en_es.slam.test, or the model's only one]
    #[arg(long, short, value_name = "T")]
    pub track: Option<String>,
    /// The table of word vectors by sentence, for a model that has none of its own
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Score these learners with what `mtl adapt` has found of them
    #[arg(long, value_name = "FILE")]
    pub learners: Option<PathBuf>,
    /// How to write the probabilities
    #[arg(long, short, value_name = "FORMAT", default_value = "predictions")]
    pub output: ScoreOutput,
    /// The same as --output html
    #[arg(long, conflicts_with = "output")]
    pub html: bool,
    /// Undo the bias that training's weight of mistakes gives to probabilities; their order stays
    #[arg(long)]
    pub calibrated: bool,
    /// No notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// `mtl adapt`.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// Files of answered exercises in the format .slam, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub files: Vec<PathBuf>,
    /// The model, a scorer: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(long, short, value_name = "ID|PATH")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// The track of the files [default: as their names begin, en_es.slam.train, or the model's only one]
    #[arg(long, short, value_name = "T")]
    pub track: Option<String>,
    /// The labels of files that have none: lines `instance label`
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The table of word vectors by sentence, for a model that has none of its own
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    /// A learner to adapt to; may be repeated [default: all learners of the files]
    #[arg(long, value_name = "ID")]
    pub user: Vec<String>,
    /// Go on from what was found of learners before; learners without new answers are kept
    #[arg(long, value_name = "FILE")]
    pub learners: Option<PathBuf>,
    /// Fit nothing, only keep the answers: those that a model which reads answers was trained on with these learners
    #[arg(long)]
    pub remember: bool,
    /// Where to write what is found
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// No notes on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// What `mtl score` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScoreOutput {
    /// A line for each word: instance, blank, probability of a mistake
    Predictions,
    /// One JSON object an exercise
    Jsonl,
    /// One page that needs nothing else: words coloured by risk
    Html,
}

/// `mtl verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The model: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(value_name = "ID|PATH")]
    pub model: String,
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// ONNX Runtime's shared library (1.28)
    #[arg(long, value_name = "PATH")]
    pub ort_library: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `mtl models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(flatten)]
    pub zoo: ZooArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `mtl fuse`.
#[derive(Debug, Args)]
pub struct FuseArgs {
    /// The model: an id of the zoo, or the path of a bundle, a folder or an archive (.mtl)
    #[arg(value_name = "ID|PATH")]
    pub model: String,
    /// The folder to write; it may be that of the model
    #[arg(value_name = "FOLDER")]
    pub output: PathBuf,
    #[command(flatten)]
    pub zoo: ZooArgs,
}

/// `mtl info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `mtl tag` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TagInput {
    /// Running text
    Text,
    /// One sentence a line, blanks between tokens
    Tokens,
    /// One token a line, an empty line between sentences
    Conll,
    /// Universal Dependencies' format
    Conllu,
}

/// What `mtl eval` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalInput {
    /// One token a line, an empty line between sentences
    Conll,
    /// Universal Dependencies' format
    Conllu,
    /// Universal NER's: comments, and the columns number, token, tag
    Iob2,
}

/// What `mtl align` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PairInput {
    /// The correct sentence, tab, the answer
    Tsv,
    /// {"correct": ..., "answer": ...}, each a text or a list of words
    Jsonl,
}

/// What `mtl align` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlignOutput {
    /// For people, in a terminal
    Pretty,
    /// One JSON object a pair
    Jsonl,
}

/// What `mtl tag` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people, in a terminal
    Pretty,
    /// Token, tab, one column a task; an empty line after each sentence
    Conll,
    /// One JSON object a sentence
    Jsonl,
    /// One page that needs nothing else
    Html,
}

/// Units of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OffsetUnit {
    /// Bytes of UTF-8
    Bytes,
    /// UTF-16 code units (Java, JavaScript, C#)
    Utf16,
    /// Unicode code points (Python)
    Codepoints,
}

/// Tag schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// B- only between neighbours of one type (CoNLL-2003)
    Iob1,
    /// B- at every beginning (CoNLL-2002)
    Iob2,
    /// B- I- E- and S-
    Bioes,
    /// No spans (UPOS)
    Plain,
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        match name {
            SchemeName::Iob1 => Self::Iob1,
            SchemeName::Iob2 => Self::Iob2,
            SchemeName::Bioes => Self::Bioes,
            SchemeName::Plain => Self::Plain,
        }
    }
}

fn mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_string(), new.to_string())),
        _ => Err("write OLD=NEW, for example person=PER, or OTH=O to drop a label".to_string()),
    }
}
