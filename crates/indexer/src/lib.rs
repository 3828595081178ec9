//! Walk, plan, decode, encode, commit, report.
