"""Things absent from the training images: negative captions for training, and others for evaluation only.

The two lists share no word; a part of each is Chinese.
"""

LEARNT = """
zebra|giraffe|lion|tiger|wolf|fox|bear|polar bear|monkey|gorilla|horse|donkey|cow|bull|pig|goat|moose|camel|bat|rat|mouse|squirrel|otter|seal|shark|
eagle|owl|parrot|swan|ostrich|peacock|turkey|crow|frog|toad|snake|lizard|cobra|bee|wasp|mosquito|spider|worm|jellyfish|squid|shrimp|oyster|salmon|tuna|
bread|toast|sandwich|hamburger|hot dog|spaghetti|noodles|rice|sushi|soup|salad|cheese|butter|egg|bacon|sausage|steak|roast chicken|chocolate|cookie|donut|
pancake|waffle|honey|salt|wine|beer|coffee beans|tea bag|broccoli|cauliflower|spinach|lettuce|peas|corn|chili|radish|celery|coconut|fig|blueberry|raspberry|
blackberry|apricot|almond|walnut|peanut|sofa|couch|bed|pillow|blanket|curtain|carpet|mirror|wardrobe|bookshelf|desk|door|window|stairs|bathtub|toilet|sink|
shower|towel|soap|toothbrush|comb|hairdryer|washing machine|refrigerator|oven|microwave|toaster|kettle|blender|frying pan|pot|knife|fork|spoon|bowl|
bottle|jar|basket|bucket|broom|vacuum cleaner|hammer|saw|drill|screwdriver|nail|ladder|rope|chain|lock|key|match|lighter|battery|torch|
television|radio|keyboard|computer mouse|printer|telephone booth|microscope|telescope|satellite dish|robot|drone|microphone|speaker|flute|trumpet|
harp|cello|clarinet|harmonica|xylophone|tambourine|bowling pins|tennis racket|baseball bat|golf club|basketball hoop|volleyball|hockey stick|ski|snowboard|
surfboard|skateboard|swimming pool|trampoline|tank|submarine|canoe|kayak|tram|subway|ambulance|fire engine|police van|scooter|parachute|glider|bridge|
tunnel|skyscraper|stadium|airport|factory|farm|barn|fence|gate|fountain|monument|cemetery|playground|waterfall|volcano|glacier|cave|river|island|
lightning|tornado|fire|smoke|bricks|sand castle|iceberg|wedding|concert|football match|classroom|hospital|office|kitchen|bathroom|supermarket|library|church service|
necklace|ring|earrings|bracelet|tie|belt|gloves|socks|scarf|swimsuit|helmet|backpack|suitcase|handbag|wallet|newspaper|letter|map|calendar|
pencil|pen|eraser|ruler|paintbrush|palette|globe|chess board|playing cards|dice|puzzle|doll|teddy bear|baby|dancing couple|surgeon|soldier|firefighter|
chef|astronaut|pirate|ghost|dragon|unicorn|mermaid|skeleton|skull|tax form|contract|handwritten note|bar chart|circuit board|the meaning of life|quarterly revenue|
happiness|democracy|silence|yesterday|how to bake|what is the time|please help me|hello world|good morning|thank you|import numpy|select from table|asdf qwerty|
lorem ipsum dolor|database index|kubernetes cluster|football league results|stock market crash|the president speaks|weather forecast|bus timetable|
斑马|长颈鹿|狮子|老虎|狼|狐狸|熊|猴子|马|牛|猪|山羊|骆驼|老鼠|松鼠|鲨鱼|老鹰|猫头鹰|鹦鹉|天鹅|孔雀|青蛙|蛇|蜘蛛|蜜蜂|水母|面包|三明治|汉堡包|面条|米饭|寿司|汤|奶酪|
鸡蛋|香肠|牛排|巧克力|饼干|葡萄酒|啤酒|西兰花|菠菜|玉米|椰子|蓝莓|核桃|沙发|床|枕头|窗帘|地毯|镜子|衣柜|门|窗户|楼梯|浴缸|马桶|毛巾|牙刷|洗衣机|冰箱|烤箱|刀|叉子|勺子|
瓶子|锤子|锯子|梯子|绳子|钥匙|电视|收音机|键盘|打印机|显微镜|机器人|话筒|小提琴|笛子|喇叭|网球拍|滑雪板|冲浪板|滑板|游泳池|坦克|潜水艇|地铁|救护车|消防车|
桥|隧道|摩天大楼|机场|工厂|农场|喷泉|瀑布|火山|洞穴|河流|闪电|火焰|婚礼|音乐会|教室|医院|办公室|厨房|图书馆|项链|戒指|领带|手套|袜子|背包|行李箱|报纸|地图|铅笔|
钢笔|地球仪|象棋|扑克牌|洋娃娃|婴儿|医生|士兵|厨师|宇航员|海盗|龙|骷髅|合同|幸福|民主|昨天|你好|谢谢|天气预报|数据库|股票市场
"""

MEASURED = """
hippopotamus|chimpanzee|hyena|badger|raccoon|skunk|weasel|buffalo|reindeer|walrus|pelican|stork|vulture|woodpecker|seagull|chameleon|tarantula|caterpillar|
moth|clam|croissant|pretzel|burrito|dumplings|lasagna|popcorn|cereal|yolk|mustard|pickles|cinnamon|artichoke|beans|pistachio|cranberry|bunk bed|fireplace|
chimney|doorbell|mailbox|dishwasher|coffee machine|ironing board|spatula|corkscrew|pliers|axe|shovel|wheelbarrow|padlock|extension cord|projector|webcam|
smartwatch charger|oboe|banjo|bagpipes|ukulele|snooker table|archery target|boxing gloves|ice rink|roller coaster|ferris wheel|gondola|zeppelin|hovercraft|
bulldozer|crane|cement mixer|tow truck|limousine|dam|aqueduct|oil rig|greenhouse|observatory|prison cell|parking garage|courthouse|geyser|canyon|coral reef|
aurora borealis|earthquake|solar eclipse|graduation ceremony|protest march|dentist|blacksmith|ballet dancer|toddler|wedding ring|sunglasses|cufflinks|apron|
pyjamas|briefcase|envelope|crossword|jigsaw|slot machine|vampire|werewolf|crystal ball|x-ray of a hand|passport|receipt|spreadsheet|source code|
annual report|freedom|nostalgia|where is my order|restart the server|train ticket to berlin|recipe for lasagna|who won the election|
河马|黑猩猩|浣熊|水牛|驯鹿|海象|鹈鹕|啄木鸟|毛毛虫|羊角面包|饺子|爆米花|开心果|壁炉|烟囱|洗碗机|咖啡机|钳子|斧头|铁锹|投影仪|双簧管|拳击手套|过山车|摩天轮|飞艇|推土机|
起重机|水坝|温室|天文台|峡谷|珊瑚礁|北极光|地震|毕业典礼|牙医|芭蕾舞演员|太阳镜|围裙|公文包|信封|吸血鬼|护照|收据|自由|怎么去火车站
"""


def learnt() -> list[str]:
    """Things that training names as absent."""
    return _split(LEARNT)


def measured() -> list[str]:
    """Things that evaluation alone names."""
    return _split(MEASURED)


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.replace("\n", "").split("|") if word.strip()]
