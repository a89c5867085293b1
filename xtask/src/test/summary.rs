//! The summary of a test run: what ran, failed and was ignored, and what took longest.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use roxmltree::Document;

use super::machine::Database;

/// How many of the slowest tests are shown.
const SLOWEST: usize = 10;

/// A test that ran.
struct Test {
    name: String,
    database: Database,
    seconds: f64,
    failed: bool,
}

/// The counts of a test program.
#[derive(Default)]
pub struct Ran {
    pub all: usize,
    pub failed: usize,
}

/// Everything that ran or was ignored.
#[derive(Default)]
pub struct Summary {
    tests: Vec<Test>,
    /// Reasons, and how many tests were ignored for each.
    ignored: BTreeMap<String, usize>,
}

impl Summary {
    /// Adds the tests of a JUnit report.
    pub fn add(&mut self, report: &str, database: Database) -> Result<()> {
        let report = Document::parse(report).context("the tests' report is not XML")?;
        for case in report.descendants().filter(|n| n.has_tag_name("testcase")) {
            let attribute = |name| {
                let value = case.attribute(name);
                value.with_context(|| format!("a test without {name} in the report"))
            };
            let has = |tag| case.children().any(|child| child.has_tag_name(tag));
            if has("skipped") {
                self.ignore("marked as ignored", 1);
                continue;
            }
            self.tests.push(Test {
                name: format!("{} {}", attribute("classname")?, attribute("name")?),
                database,
                seconds: attribute("time")?.parse()?,
                failed: has("failure") || has("error"),
            });
        }
        Ok(())
    }

    /// Adds the tests of a test program's own output, which has a line for each.
    pub fn add_lines(&mut self, lines: &str, program: &str) -> Ran {
        let mut ran = Ran::default();
        for line in lines.lines() {
            let Some((name, result)) = line
                .strip_prefix("test ")
                .and_then(|line| line.split_once(" ... "))
            else {
                continue;
            };
            let failed = result.trim() != "ok";
            ran.all += 1;
            ran.failed += usize::from(failed);
            self.tests.push(Test {
                name: format!("{program} {name}"),
                database: Database::Sqlite,
                seconds: 0.0,
                failed,
            });
        }
        ran
    }

    /// Adds a failure for each process that outlived the tests.
    pub fn add_leftovers(&mut self, processes: &[String], database: Database) {
        for process in processes {
            self.tests.push(Test {
                name: format!("a process outlived its test: {process}"),
                database,
                seconds: 0.0,
                failed: true,
            });
        }
    }

    /// Counts tests that can't run here.
    pub fn ignore(&mut self, reason: &str, count: usize) {
        if count > 0 {
            *self.ignored.entry(reason.to_owned()).or_default() += count;
        }
    }

    /// How many tests ran.
    pub fn run(&self) -> usize {
        self.tests.len()
    }

    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|test| test.failed).count()
    }

    /// Prints it all, ending with one line of counts.
    pub fn print(&self, took: Duration) {
        let mut slowest: Vec<_> = self.tests.iter().collect();
        slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let ignored: usize = self.ignored.values().sum();
        let (run, failed) = (self.run(), self.failed());
        println!("\nSummary");
        println!("  run:     {run}");
        println!("  failed:  {failed}");
        for test in self.tests.iter().filter(|test| test.failed) {
            println!("    {} ({})", test.name, test.database);
        }
        println!("  ignored: {ignored}");
        for (reason, count) in &self.ignored {
            println!("    {count}: {reason}");
        }
        println!("  time:    {} s", took.as_secs());
        println!("  slowest:");
        for test in slowest.into_iter().take(SLOWEST) {
            println!(
                "    {:6.1} s  {} ({})",
                test.seconds, test.name, test.database
            );
        }
        println!(
            "{} passed, {failed} failed, {ignored} skipped",
            run - failed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" time="9.9">
    <testsuite name="till-tests::it" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="api::refunds::once" classname="till-tests::it" time="1.5"/>
        <testcase name="api::refunds::twice" classname="till-tests::it" time="2.0">
            <failure type="test failure">no</failure>
        </testcase>
        <testcase name="api::refunds::never" classname="till-tests::it" time="0"><skipped/></testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn lines_are_counted() {
        let mut summary = Summary::default();
        let lines = "running 2 tests\n\ntest one ... ok\ntest two ... FAIL\n\nfailures:\n";
        let ran = summary.add_lines(lines, "widget");
        assert_eq!((ran.all, ran.failed), (2, 1));
        assert_eq!((summary.run(), summary.failed()), (2, 1));
    }

    #[test]
    fn a_report_is_counted() {
        let mut summary = Summary::default();
        assert!(summary.add(REPORT, Database::Sqlite).is_ok());
        summary.ignore("no browser", 3);
        summary.ignore("no browser", 0);
        assert_eq!((summary.run(), summary.failed()), (2, 1));
        assert_eq!(summary.ignored.values().sum::<usize>(), 4);
        assert_eq!(summary.tests[1].name, "till-tests::it api::refunds::twice");
        assert_eq!(summary.tests[1].seconds, 2.0);
    }
}
