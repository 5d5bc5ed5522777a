// Puts an equity token and a bond of the Asset Tokenization Studio on a node, with its own scripts, and prints where.
// Usage: NODE_PATH=stubs node deploy_ats.cjs URL PRIVATE_KEY MATURITY

const { JsonRpcProvider, MaxUint256, Wallet, ZeroAddress } = require("ethers");
const ats = require("@hashgraph/asset-tokenization-contracts/scripts");
const { Factory__factory } = require("@hashgraph/asset-tokenization-contracts/typechain-types");

const ROLES = ["ROLE_ISSUER", "ROLE_SNAPSHOT", "ROLE_CORPORATE_ACTION", "ROLE_PAUSER"];
const REGULATION = {
  regulationType: ats.RegulationType.REG_S,
  regulationSubType: ats.RegulationSubType.NONE,
  additionalSecurityData: { countriesControlListType: true, listOfCountries: "CH", info: "" },
};

function security(admin, resolver, name, symbol, isin) {
  return {
    arePartitionsProtected: false,
    isMultiPartition: false,
    resolver,
    rbacs: ROLES.filter((role) => ats.ATS_ROLES[role]).map((role) => ({ role: ats.ATS_ROLES[role], members: [admin] })),
    isControllable: true,
    isWhiteList: false,
    maxSupply: MaxUint256,
    erc20MetadataInfo: { name, symbol, isin, decimals: 2 },
    clearingActive: false,
    internalKycActivated: false,
    erc20VotesActivated: false,
    externalPauses: [],
    externalControlLists: [],
    externalKycLists: [],
    compliance: ZeroAddress,
    identityRegistry: ZeroAddress,
  };
}

async function main(url, privateKey, maturity) {
  const provider = new JsonRpcProvider(url, undefined, { polling: true, cacheTimeout: -1 });
  provider.pollingInterval = 20;
  const wallet = new Wallet(privateKey, provider);
  const admin = wallet.address;
  const system = await ats.deploySystemWithNewBlr(wallet, "local", {
    saveOutput: false,
    ignoreCheckpoint: true,
  });
  const resolver = system.infrastructure.blr.proxy;
  const common = { adminAccount: admin, factory: Factory__factory.connect(system.infrastructure.factory.proxy, wallet) };
  const equity = await ats.deployEquityFromFactory(
    {
      ...common,
      securityData: security(admin, resolver, "Harbour Shares", "HRB", "XS0000000017"),
      equityDetails: {
        votingRight: true,
        informationRight: false,
        liquidationRight: false,
        subscriptionRight: false,
        conversionRight: false,
        redemptionRight: false,
        putRight: false,
        dividendRight: 1,
        currency: ats.CURRENCIES.USD,
        nominalValue: 100,
        nominalValueDecimals: 2,
      },
    },
    REGULATION,
  );
  const bond = await ats.deployBondFromFactory(
    {
      ...common,
      securityData: security(admin, resolver, "Harbour Bond 2040", "HRB40", "XS0000000025"),
      bondDetails: {
        currency: ats.CURRENCIES.USD,
        nominalValue: 100,
        nominalValueDecimals: 0,
        startingDate: (await provider.getBlock("latest")).timestamp + 3600,
        maturityDate: Number(maturity),
      },
      proceedRecipients: [],
      proceedRecipientsData: [],
    },
    REGULATION,
  );
  const addresses = { equity: equity.target.toLowerCase(), bond: bond.target.toLowerCase() };
  process.stdout.write(`\n${JSON.stringify(addresses)}\n`);
}

// The scripts leave timers behind, some of three minutes, that would keep the process: it ends when all is said.
main(...process.argv.slice(2)).then(
  () => process.stdout.write("", () => process.exit(0)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
