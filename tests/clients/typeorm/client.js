// A program of somebody else's on the same database. It knows the published schema and nothing of masspayout.
//
//   node client.js CONNECTION synchronize          make the tables, as TypeORM does
//   node client.js CONNECTION plan ASSET HOLDERS   write a due distribution with that many holders
//   node client.js CONNECTION read                 read, page and change what is there
//   node client.js CONNECTION would-change         what synchronize would do to the tables that are there
const { DataSource, EntitySchema, LessThanOrEqual } = require("typeorm");

const id = { type: "uuid", primary: true, generated: "uuid" };
const times = {
  createdAt: { name: "created_at", type: "timestamp", createDate: true },
  updatedAt: { name: "updated_at", type: "timestamp", updateDate: true },
};
const text = (name, options = {}) => ({ name, type: "varchar", ...options });
const optional = { nullable: true };

const Asset = new EntitySchema({
  name: "Asset",
  tableName: "asset",
  columns: {
    id,
    tokenId: text("token_id", { unique: true }),
    name: text("name"),
    symbol: text("symbol"),
    totalSupply: { name: "total_supply", type: "bigint" },
    decimals: { name: "decimals", type: "int" },
    lifecycleContractId: text("lifecycle_contract_id", optional),
    paymentTokenId: text("payment_token_id", optional),
    lastSyncedAt: { name: "last_synced_at", type: "timestamp", ...optional },
    syncStatus: text("sync_status", optional),
    ...times,
  },
});

const Distribution = new EntitySchema({
  name: "Distribution",
  tableName: "distribution",
  columns: {
    id,
    type: text("type"),
    executionType: text("execution_type"),
    payoutType: text("payout_type", optional),
    amount: { name: "amount", type: "numeric", ...optional },
    concept: text("concept", optional),
    scheduledTime: { name: "scheduled_time", type: "timestamp", ...optional },
    frequency: text("frequency", optional),
    startTime: { name: "start_time", type: "timestamp", ...optional },
    triggerCondition: text("trigger_condition", optional),
    status: text("status"),
    executedAt: { name: "executed_at", type: "timestamp", ...optional },
    ...times,
  },
  relations: {
    asset: { type: "many-to-one", target: "Asset", joinColumn: { name: "asset_id" }, nullable: false },
    holders: { type: "one-to-many", target: "Holder", inverseSide: "distribution" },
    batches: { type: "one-to-many", target: "BatchPayout", inverseSide: "distribution" },
  },
});

const Holder = new EntitySchema({
  name: "Holder",
  tableName: "holder",
  columns: {
    id,
    accountId: text("account_id"),
    balance: { name: "balance", type: "bigint" },
    paymentAmount: { name: "payment_amount", type: "numeric", ...optional },
    paid: { name: "paid", type: "boolean", default: false },
    ...times,
  },
  relations: {
    asset: { type: "many-to-one", target: "Asset", joinColumn: { name: "asset_id" }, nullable: false },
    distribution: {
      type: "many-to-one", target: "Distribution", joinColumn: { name: "distribution_id" }, inverseSide: "holders",
    },
  },
  uniques: [{ columns: ["asset", "distribution", "accountId"] }],
});

const BatchPayout = new EntitySchema({
  name: "BatchPayout",
  tableName: "batch_payout",
  columns: {
    id,
    batchNumber: { name: "batch_number", type: "int" },
    totalHolders: { name: "total_holders", type: "int" },
    successfulPayments: { name: "successful_payments", type: "int", default: 0 },
    failedPayments: { name: "failed_payments", type: "int", default: 0 },
    transactionId: text("transaction_id", optional),
    status: text("status"),
    errorMessage: { name: "error_message", type: "text", ...optional },
    executedAt: { name: "executed_at", type: "timestamp", ...optional },
    ...times,
  },
  relations: {
    distribution: {
      type: "many-to-one", target: "Distribution", joinColumn: { name: "distribution_id" }, inverseSide: "batches",
      nullable: false,
    },
  },
});

const Listener = new EntitySchema({
  name: "BlockchainEventListenerConfig",
  tableName: "blockchain_event_listener_config",
  columns: {
    id,
    contractId: text("contract_id", { unique: true }),
    lastProcessedTimestamp: { name: "last_processed_timestamp", type: "bigint", ...optional },
    enabled: { name: "enabled", type: "boolean", default: true },
    ...times,
  },
});

// Amounts are text for TypeORM, which is exact; so are they here: in millionths, then with six decimals.
const amountOf = (number) => `${number % 9}.${String(number % 1_000_000).padStart(6, "0")}`;

const commands = {
  async synchronize(source) {
    await source.synchronize();
    return (await source.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).length;
  },

  async plan(source, tokenId, count) {
    const asset = await source.getRepository(Asset).findOneByOrFail({ tokenId });
    const owed = Array.from({ length: Number(count) }, (_, number) => ({
      accountId: `0.0.${20000 + number}`, balance: "100", paymentAmount: amountOf(number),
    }));
    const millionths = owed.reduce((sum, one) => sum + BigInt(one.paymentAmount.replace(".", "")), 0n);
    const total = `${millionths / 1_000_000n}.${String(millionths % 1_000_000n).padStart(6, "0")}`;
    const made = await source.transaction(async (manager) => {
      const distribution = await manager.save(Distribution, {
        asset, type: "DIVIDEND", executionType: "SCHEDULED", payoutType: "PERCENTAGE", amount: total,
        concept: "written elsewhere", scheduledTime: new Date(Date.now() - 60_000), status: "PENDING",
      });
      const rows = owed.map((one) => ({ ...one, asset, distribution }));
      await manager.save(Holder, rows, { chunk: 2000 });
      return distribution;
    });
    return { id: made.id, total };
  },

  async read(source) {
    const distributions = source.getRepository(Distribution);
    const due = await distributions.find({
      where: { status: "PENDING", scheduledTime: LessThanOrEqual(new Date()) }, relations: { asset: true },
    });
    const [page, total] = await source.getRepository(Holder).findAndCount({
      where: { paid: true }, relations: { distribution: true }, order: { accountId: "ASC" }, take: 10, skip: 10,
    });
    const whole = await distributions.find({ relations: { asset: true, batches: true }, order: { createdAt: "DESC" } });
    const changed = await source.getRepository(Asset).update({ symbol: "GRB" }, { name: "Greener Bond" });
    return {
      due: due.length, page: page.length, paid: total, asset: whole[0]?.asset.symbol, batches: whole[0]?.batches.length,
      status: whole[0]?.status, changed: changed.affected,
    };
  },

  async "would-change"(source) {
    return (await source.driver.createSchemaBuilder().log()).upQueries.map((one) => one.query);
  },
};

async function main([connection, command, ...rest]) {
  const source = new DataSource({
    type: "postgres", ...JSON.parse(connection), entities: [Asset, Distribution, Holder, BatchPayout, Listener],
  });
  await source.initialize();
  try {
    console.log(JSON.stringify(await commands[command](source, ...rest)));
  } finally {
    await source.destroy();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
