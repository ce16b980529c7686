"""Azure's regions, by the names, places and pairs that Azure lists. This machine answers for all of them.

Source: what GET /subscriptions/{id}/locations, api-version 2022-12-01, returned to a subscription of Microsoft's in
February 2025 (the recording of `az account list-locations` in Azure/azure-cli), regions with places only; East US 2,
which that subscription did not see, from Microsoft's list of regions. No stages and canaries.
"""

from dataclasses import dataclass

# geography group | geography | name | display name | place | latitude | longitude | pair | recommended, with zones
_TABLE = """
US | United States | eastus | East US | Virginia | 37.3719 | -79.8164 | westus | zones
US | United States | southcentralus | South Central US | Texas | 29.4167 | -98.5 | northcentralus | zones
US | United States | westus2 | West US 2 | Washington | 47.233 | -119.852 | westcentralus | zones
US | United States | westus3 | West US 3 | Phoenix | 33.448376 | -112.074036 | eastus | zones
Asia Pacific | Australia | australiaeast | Australia East | New South Wales | -33.86 | 151.2094 | australiasoutheast | zones
Asia Pacific | Asia Pacific | southeastasia | Southeast Asia | Singapore | 1.283 | 103.833 | eastasia | zones
Europe | Europe | northeurope | North Europe | Ireland | 53.3478 | -6.2597 | westeurope | zones
Europe | Sweden | swedencentral | Sweden Central | Gävle | 60.67488 | 17.14127 | swedensouth | zones
Europe | United Kingdom | uksouth | UK South | London | 50.941 | -0.799 | ukwest | zones
Europe | Europe | westeurope | West Europe | Netherlands | 52.3667 | 4.9 | northeurope | zones
US | United States | centralus | Central US | Iowa | 41.5908 | -93.6208 | eastus2 | zones
Africa | South Africa | southafricanorth | South Africa North | Johannesburg | -25.73134 | 28.21837 | southafricawest | zones
Asia Pacific | India | centralindia | Central India | Pune | 18.5822 | 73.9197 | southindia | zones
Asia Pacific | Asia Pacific | eastasia | East Asia | Hong Kong | 22.267 | 114.188 | southeastasia | zones
Asia Pacific | Japan | japaneast | Japan East | Tokyo, Saitama | 35.68 | 139.77 | japanwest | zones
Asia Pacific | Korea | koreacentral | Korea Central | Seoul | 37.5665 | 126.978 | koreasouth | zones
Asia Pacific | New Zealand | newzealandnorth | New Zealand North | Auckland | -36.84853 | 174.76349 | | zones
Canada | Canada | canadacentral | Canada Central | Toronto | 43.653 | -79.383 | canadaeast | zones
Europe | France | francecentral | France Central | Paris | 46.3772 | 2.373 | francesouth | zones
Europe | Germany | germanywestcentral | Germany West Central | Frankfurt | 50.110924 | 8.682127 | germanynorth | zones
Europe | Italy | italynorth | Italy North | Milan | 45.46888 | 9.18109 | | zones
Europe | Norway | norwayeast | Norway East | Norway | 59.913868 | 10.752245 | norwaywest | zones
Europe | Poland | polandcentral | Poland Central | Warsaw | 52.23334 | 21.01666 | | zones
Europe | Spain | spaincentral | Spain Central | Madrid | 40.4259 | 3.4209 | | zones
Europe | Switzerland | switzerlandnorth | Switzerland North | Zurich | 47.451542 | 8.564572 | switzerlandwest | zones
Mexico | Mexico | mexicocentral | Mexico Central | Querétaro State | 20.588818 | -100.389888 | | zones
Middle East | UAE | uaenorth | UAE North | Dubai | 25.266666 | 55.316666 | uaecentral | zones
South America | Brazil | brazilsouth | Brazil South | Sao Paulo State | -23.55 | -46.633 | southcentralus | zones
Middle East | Israel | israelcentral | Israel Central | Israel | 31.2655698 | 33.4506633 | | zones
Middle East | Qatar | qatarcentral | Qatar Central | Doha | 25.551462 | 51.439327 | | zones
US | United States | eastus2 | East US 2 | Virginia | 36.6681 | -78.3889 | centralus | zones
US | United States | northcentralus | North Central US | Illinois | 41.8819 | -87.6278 | southcentralus |
US | United States | westus | West US | California | 37.783 | -122.417 | eastus |
Asia Pacific | Japan | japanwest | Japan West | Osaka | 34.6939 | 135.5022 | japaneast |
Asia Pacific | India | jioindiawest | Jio India West | Jamnagar | 22.470701 | 70.05773 | jioindiacentral |
US | United States | westcentralus | West Central US | Wyoming | 40.89 | -110.234 | westus2 |
Africa | South Africa | southafricawest | South Africa West | Cape Town | -34.075691 | 18.843266 | southafricanorth |
Asia Pacific | Australia | australiacentral | Australia Central | Canberra | -35.3075 | 149.1244 | australiacentral2 |
Asia Pacific | Australia | australiacentral2 | Australia Central 2 | Canberra | -35.3075 | 149.1244 | australiacentral |
Asia Pacific | Australia | australiasoutheast | Australia Southeast | Victoria | -37.8136 | 144.9631 | australiaeast |
Asia Pacific | India | jioindiacentral | Jio India Central | Nagpur | 21.146633 | 79.08886 | jioindiawest |
Asia Pacific | Korea | koreasouth | Korea South | Busan | 35.1796 | 129.0756 | koreacentral |
Asia Pacific | India | southindia | South India | Chennai | 12.9822 | 80.1636 | centralindia |
Asia Pacific | India | westindia | West India | Mumbai | 19.088 | 72.868 | southindia |
Canada | Canada | canadaeast | Canada East | Quebec | 46.817 | -71.217 | canadacentral |
Europe | France | francesouth | France South | Marseille | 43.8345 | 2.1972 | francecentral |
Europe | Germany | germanynorth | Germany North | Berlin | 53.073635 | 8.806422 | germanywestcentral |
Europe | Norway | norwaywest | Norway West | Norway | 58.969975 | 5.733107 | norwayeast |
Europe | Switzerland | switzerlandwest | Switzerland West | Geneva | 46.204391 | 6.143158 | switzerlandnorth |
Europe | United Kingdom | ukwest | UK West | Cardiff | 53.427 | -3.084 | uksouth |
Middle East | UAE | uaecentral | UAE Central | Abu Dhabi | 24.466667 | 54.366669 | uaenorth |
South America | Brazil | brazilsoutheast | Brazil Southeast | Rio | -22.90278 | -43.2075 | brazilsouth |
"""  # noqa: E501


@dataclass(frozen=True)
class Region:
    group: str
    geography: str
    name: str
    display: str
    place: str
    latitude: str
    longitude: str
    pair: str
    zones: str

    def listed(self, subscription):
        """The region as Azure lists it for a subscription."""
        base = f"/subscriptions/{subscription}/locations"
        pair = [{"name": self.pair, "id": f"{base}/{self.pair}"}] if self.pair else []
        body = {
            "id": f"{base}/{self.name}", "name": self.name, "type": "Region", "displayName": self.display,
            "regionalDisplayName": f"({self.group}) {self.display}",
            "metadata": {
                "regionType": "Physical", "regionCategory": "Recommended" if self.zones else "Other",
                "geography": self.geography, "geographyGroup": self.group, "longitude": self.longitude,
                "latitude": self.latitude, "physicalLocation": self.place, "pairedRegion": pair,
            },
        }  # fmt: skip
        if self.zones:  # which physical zone is a subscription's first differs from one subscription to the next
            logical = zip("123", (3, 1, 2), strict=True)
            body["availabilityZoneMappings"] = [
                {"logicalZone": zone, "physicalZone": f"{self.name}-az{physical}"} for zone, physical in logical
            ]
        return body


REGIONS = {
    region.name: region
    for line in _TABLE.strip().splitlines()
    for region in [Region(*(part.strip() for part in line.split("|")))]
}


def plain(location):
    """swedencentral of `Sweden Central`: spaces and case do not count."""
    return location.replace(" ", "").lower()
