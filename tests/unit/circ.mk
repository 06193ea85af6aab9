UNIT_TESTS += circ_circuit circ_stream circ_formats circ_flow circ_conflux
