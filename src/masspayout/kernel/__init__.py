"""The kernel: values, errors and rules that every room uses. No I/O, and no import from another room."""
