//! The harness, the end-to-end tests, the tidy test and the benchmarks
