//! The harness of the whole-system tests: starts the real binary, plays the project, drives the
//! browser.
