//! The tools that test the OpenAPI document: a generator of Python clients, and Schemathesis, which
//! calls the server with what the document allows and forbids.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::python;

const PACKAGES: [python::Package; 4] = [
    ("schemathesis", "4.32.5"),
    ("openapi-python-client", "0.29.1"),
    // What Schemathesis generates and validates with.
    ("hypothesis", "6.170.17"),
    ("jsonschema-rs", "0.60.3"),
];

/// The Python interpreter with the tools.
pub struct ContractTools(PathBuf);

impl ContractTools {
    /// Sets the path in a command's environment.
    pub fn apply(&self, command: &mut Command) {
        command.env("TILL_CONTRACT_PYTHON", &self.0);
    }
}

/// Finds or installs the tools.
pub fn ensure() -> Result<ContractTools> {
    python::environment(&PACKAGES).map(ContractTools)
}
