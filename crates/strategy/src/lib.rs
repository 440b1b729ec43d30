//! The Strategy trait, its read-only view, parameter schemas and the built-in strategies.
