"""How operations are declared, how their parameters are read, and how they are executed. It knows no operation."""
