// The contracts' scripts ask a development tool which network they run on, and take their time on any but its own.
exports.network = { name: "hardhat" };
