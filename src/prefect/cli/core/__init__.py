"""Building blocks of every command: parameters, output, errors, lookup, times. Only `registry` names the commands."""
