// Puts an equity token of the Asset Tokenization Studio on a node, with its own scripts, and prints its address.
// Usage: NODE_PATH=stubs node deploy_equity.cjs URL PRIVATE_KEY

const { JsonRpcProvider, MaxUint256, Wallet, ZeroAddress } = require("ethers");
const ats = require("@hashgraph/asset-tokenization-contracts/scripts");
const { Factory__factory } = require("@hashgraph/asset-tokenization-contracts/typechain-types");

async function main(url, privateKey) {
  const provider = new JsonRpcProvider(url, undefined, { polling: true, cacheTimeout: -1 });
  provider.pollingInterval = 20;
  const wallet = new Wallet(privateKey, provider);
  const admin = wallet.address;
  const system = await ats.deploySystemWithNewBlr(wallet, "local", {
    saveOutput: false,
    ignoreCheckpoint: true,
  });
  const roles = ["ROLE_ISSUER", "ROLE_SNAPSHOT", "ROLE_CORPORATE_ACTION", "ROLE_PAUSER"];
  const token = await ats.deployEquityFromFactory(
    {
      adminAccount: admin,
      factory: Factory__factory.connect(system.infrastructure.factory.proxy, wallet),
      securityData: {
        arePartitionsProtected: false,
        isMultiPartition: false,
        resolver: system.infrastructure.blr.proxy,
        rbacs: roles.filter((role) => ats.ATS_ROLES[role]).map((role) => ({ role: ats.ATS_ROLES[role], members: [admin] })),
        isControllable: true,
        isWhiteList: false,
        maxSupply: MaxUint256,
        erc20MetadataInfo: { name: "Harbour Shares", symbol: "HRB", isin: "XS0000000017", decimals: 2 },
        clearingActive: false,
        internalKycActivated: false,
        erc20VotesActivated: false,
        externalPauses: [],
        externalControlLists: [],
        externalKycLists: [],
        compliance: ZeroAddress,
        identityRegistry: ZeroAddress,
      },
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
    {
      regulationType: ats.RegulationType.REG_S,
      regulationSubType: ats.RegulationSubType.NONE,
      additionalSecurityData: { countriesControlListType: true, listOfCountries: "CH", info: "" },
    },
  );
  process.stdout.write(`\n${JSON.stringify({ token: token.target.toLowerCase() })}\n`);
}

// The scripts leave timers behind, some of three minutes, that would keep the process: it ends when all is said.
main(...process.argv.slice(2)).then(
  () => process.stdout.write("", () => process.exit(0)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
