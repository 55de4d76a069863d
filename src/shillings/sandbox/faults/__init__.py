"""The faults: one small file each, with the description that people read and the parameters they may set."""
