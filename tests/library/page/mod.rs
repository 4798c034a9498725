//! The page beside the metrics, in a browser: what it draws while a cluster works and a host dies, and whether it counts as Prometheus
//! does.
//!
//! `cargo xtask test --only page` finds a Chromium and runs what is ignored here; `cargo xtask pictures` writes `docs/images`.

mod board;
mod chromium;
mod feed;
mod pictures;
mod promql;
mod window;
