//! A model on disk: manifest, weights, vocabulary, graph and golden cases, and their integrity.

pub mod graph;
pub mod manifest;
pub mod preflight;
pub mod vocabulary;
