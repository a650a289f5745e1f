"""What every command is made with: parameters, output, errors, lookup, times. It knows no command but by `registry`."""
