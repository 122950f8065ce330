//! A model on disk: manifest, weights, vocabulary, graph and golden cases, and their integrity.

pub mod manifest;
pub mod vocabulary;
