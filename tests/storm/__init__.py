"""The storm: real workers, servers, a pooler and webhook targets, with every fault that an deployment may meet."""
