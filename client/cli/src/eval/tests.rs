//! Labels, catalogues and curves of small files.
