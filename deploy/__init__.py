"""How Shillings is put into operation: real servers on this machine, nginx, containers."""
