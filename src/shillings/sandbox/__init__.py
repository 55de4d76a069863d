"""The sandbox's rules: which fault happens to which request, and why. Pure: values in, values out."""
