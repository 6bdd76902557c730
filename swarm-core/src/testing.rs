//! Fakes and conformance suites, for the tests of this workspace and of everybody who implements a port.
