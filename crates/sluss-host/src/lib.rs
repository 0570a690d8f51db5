//! The data plane: runs service processes, routes and splits their traffic, counts what came back.
