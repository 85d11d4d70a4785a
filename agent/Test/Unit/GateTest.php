<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Config\App\Config\Type\System\Reader;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\Event;
use Magento\Framework\Event\Observer;
use Magento\Framework\ObjectManagerInterface;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Plugin\ListSwitchedOnEvents;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use PHPUnit\Framework\TestCase;

class GateTest extends TestCase
{
    private const SETTING = 'aws_eventbridge/events_order/saved';

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = new Shop();
    }

    public function testItIsClosedWhileAllEventsAreOff(): void
    {
        $this->shop->settings->values[self::SETTING] = '0';
        $gate = $this->shop->gateTo(['part' => new \stdClass()]);

        self::assertSame(0, $this->calls($gate));
        self::assertSame([ScopeConfigInterface::class], $this->shop->objects->asked);
    }

    /**
     * @testWith [true, ""]
     *           [true, "@2"]
     *           [false, ""]
     *           [false, "@9"]
     */
    public function testItIsOpenWhileAnEventIsOnAndWhereTheListIsMissing(bool $isListing, string $view): void
    {
        $this->shop->settings->isListing = $isListing;
        $this->shop->settings->values[self::SETTING . $view] = '1';
        $gate = $this->shop->gateTo(['part' => new \stdClass()]);

        self::assertSame(1, $this->calls($gate));
    }

    public function testThatItIsClosedIsRememberedForAMoment(): void
    {
        $gate = $this->shop->gateTo(['part' => new \stdClass()]);
        self::assertSame(0, $this->calls($gate));
        $this->shop->settings->values[self::SETTING] = '1';
        self::assertSame(0, $this->calls($gate));
        usleep(1100000);
        self::assertSame(1, $this->calls($gate));
        $this->shop->settings->values[self::SETTING] = '0';
        self::assertSame(0, $this->calls($gate));
    }

    public function testAPartThatCannotBeCreatedCostsNothingButALogLine(): void
    {
        $this->shop->switchOn();
        $gate = $this->shop->gateTo([]);

        self::assertSame(0, $this->calls($gate));
        self::assertStringContainsString('failed at test: LogicException: No such object: part', $this->shop->log->lines[0]);
    }

    public function testAConfigurationThatCannotBeReadCostsNothingButALogLine(): void
    {
        $config = $this->createStub(ScopeConfigInterface::class);
        $config->method('getValue')->willThrowException(new \RuntimeException('no configuration'));
        $gate = $this->shop->gateTo([ScopeConfigInterface::class => $config]);
        $gate->execute(new Observer(['event' => new Event('sales_order_save_after', [])]));

        self::assertSame(0, $this->calls($gate));
        self::assertCount(2, $this->shop->log->lines);
        self::assertStringContainsString('no configuration', $this->shop->log->lines[0]);
    }

    public function testWithoutALogTheShopGoesOn(): void
    {
        $this->shop->switchOn();
        $gate = $this->shop->gateTo([]);
        unset($this->shop->objects->objects[Fence::class]);

        self::assertSame(0, $this->calls($gate));
    }

    /**
     * What Magento creates in each request must load nothing else of the agent: it creates the plugin of database
     * connections with the first transaction, before the configuration may be read.
     */
    public function testTheGateDependsOnTheObjectManagerAloneAndPluginsOfTheAgentOnTheGateAlone(): void
    {
        $parameters = (new \ReflectionClass(Gate::class))->getConstructor()->getParameters();
        self::assertCount(1, $parameters);
        self::assertSame(ObjectManagerInterface::class, $parameters[0]->getType()->getName());
        $plugins = array_map('strval', Wiring::xml('di.xml')->xpath('//plugin/@type'));
        foreach (array_unique($plugins) as $class) {
            $constructor = (new \ReflectionClass($class))->getConstructor();
            foreach ($constructor === null ? [] : $constructor->getParameters() as $parameter) {
                $type = $parameter->getType()->getName();
                if (strpos($type, 'MagentoEventBridge') === 0 && !in_array($class, $this->rarelyCreated(), true)) {
                    self::assertSame(Gate::class, $type, $class);
                }
            }
        }
    }

    /**
     * Magento reads the whole configuration only to cache it, with the values of each store view in full.
     */
    public function testTheListHasWhatIsOnInAnyScopeAndNothingElse(): void
    {
        $config = [
            'default' => ['aws_eventbridge' => [
                'events_order' => ['saved' => '0', 'placed' => '1'],
                'options' => ['tracking' => '1'],
                'agent' => ['transport' => 'outbox'],
            ]],
            'websites' => ['base' => []],
            'stores' => [
                'one' => ['aws_eventbridge' => ['events_order' => ['saved' => 'False', 'placed' => '1']]],
                'two' => ['aws_eventbridge' => ['events_cart' => ['product_added' => 1]]],
                'odd' => ['aws_eventbridge' => null],
            ],
        ];
        $agent = ['agent' => [
            'transport' => 'outbox',
            'switched_on' => 'aws_eventbridge/events_order/placed,aws_eventbridge/events_cart/product_added',
        ]];
        $read = (new ListSwitchedOnEvents())->afterRead(new Reader(), $config);

        self::assertSame($agent['agent'], $read['default']['aws_eventbridge']['agent']);
        $read['default']['aws_eventbridge']['agent'] = ['transport' => 'outbox'];
        self::assertSame($config, $read);
    }

    /**
     * @testWith [[]]
     *           [null]
     */
    public function testAConfigurationWithoutTheSectionIsReadAsAllOff($config): void
    {
        $read = (new ListSwitchedOnEvents())->afterRead(new Reader(), $config);

        self::assertSame($config === null ? null : '', $read['default']['aws_eventbridge']['agent']['switched_on'] ?? null);
    }

    /**
     * @return string[] plugins on classes that Magento creates to save source items or to fill its cache
     */
    private function rarelyCreated(): array
    {
        return [
            'MagentoEventBridge\Agent\Plugin\DispatchSourceItems',
            'MagentoEventBridge\Agent\Plugin\DispatchStockItems',
            'MagentoEventBridge\Agent\Plugin\ObserveDeclaredEvents',
        ];
    }

    private function calls(Gate $gate): int
    {
        $calls = 0;
        $gate->run('test', 'part', function ($part) use (&$calls): void {
            self::assertInstanceOf(\stdClass::class, $part);
            $calls++;
        });

        return $calls;
    }
}
