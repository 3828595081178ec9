//! Opens a library and wires the concrete parts together.
