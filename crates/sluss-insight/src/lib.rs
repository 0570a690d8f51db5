//! Folds for people: board and where.
