<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\State\ObjectStates;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\Wiring;
use MagentoEventBridge\Agent\Watcher\WatcherInterface;
use MagentoEventBridge\Agent\Watcher\Watchers;
use PHPUnit\Framework\TestCase;

class WatchersTest extends TestCase
{
    public function testNothingIsCreatedWhileAllEventsAreSwitchedOff(): void
    {
        $shop = new Shop();
        foreach (Wiring::events() as $event) {
            $shop->watchers[$event] = $this->watcher();
            $shop->dispatch($event);
        }

        self::assertSame([ScopeConfigInterface::class], array_unique($shop->objects->asked));
        self::assertSame([], $shop->log->lines);
    }

    /**
     * @testWith ["sales_order_save_before", "aws_eventbridge/events_order/placed"]
     *           ["sales_order_save_before", "aws_eventbridge/events_order/deleted@2"]
     *           ["sales_quote_product_add_after", "aws_eventbridge/events_cart/product_added"]
     *           ["sales_quote_product_add_after", "aws_eventbridge/events_cart/product_updated@3"]
     *           ["cron_job_run", "aws_eventbridge/events_cron/finished_error"]
     */
    public function testAnEventThatPreparesOthersIsWantedWithThem(string $event, string $path): void
    {
        $shop = new Shop();
        $shop->settings->values[$path] = '1';
        $watchers = $this->wired($shop);

        self::assertNotNull($watchers->of($event));
        self::assertNull($watchers->of('newsletter_subscriber_save_before'));
    }

    /**
     * @testWith [true]
     *           [false]
     */
    public function testAnEventOfOneStoreViewIsOnWhetherItIsListedOrNot(bool $isListing): void
    {
        $shop = new Shop();
        $shop->settings->isListing = $isListing;
        $event = 'sales_order_save_after';
        $path = 'aws_eventbridge/events_order/saved';
        self::assertFalse($shop->toggles->isAnyOn([$event]));
        $shop->settings->values[$path . '@2'] = '1';
        self::assertTrue($shop->toggles->isAnyOn(['order_cancel_after', $event]));
        self::assertFalse($shop->toggles->isAnyOn(['order_cancel_after']));
        $shop->settings->values[$path . '@2'] = 'false';
        self::assertFalse($shop->toggles->isAnyOn([$event]));
    }

    public function testEachObservedEventIsWantedWhenItsSwitchIsOn(): void
    {
        foreach (Wiring::toggles() as $event => $paths) {
            foreach ($paths as $path) {
                $shop = new Shop();
                $shop->settings->values[$path] = '1';
                if (in_array($event, Wiring::events(), true)) {
                    self::assertNotNull($this->wired($shop)->of($event), $event . ' by ' . $path);
                }
            }
        }
    }

    public function testStatesOfManyLivingObjectsAreKeptAndThoseOfDeadOnesAreNot(): void
    {
        $states = new ObjectStates();
        $objects = [];
        for ($i = 0; $i < 3000; $i++) {
            $objects[$i] = new DataObject();
            $states->of($objects[$i])->added = (float)$i;
        }
        foreach ($objects as $i => $object) {
            self::assertSame((float)$i, $states->of($object)->added);
        }
        $copy = clone $objects[7];
        self::assertNull($states->of($copy)->added);
        $objects = [];
        for ($i = 0; $i < 10000; $i++) {
            self::assertNull($states->of(new DataObject())->added);
        }
    }

    private function wired(Shop $shop): Watchers
    {
        $names = Wiring::watchers();
        foreach ($names as $name) {
            $shop->objects->objects[$name] = $this->watcher();
        }

        return new Watchers($shop->objects, $shop->toggles, $names, Wiring::prepares());
    }

    private function watcher(): WatcherInterface
    {
        return new class implements WatcherInterface {
            public function on(string $event, DataObject $data): void
            {
            }
        };
    }
}
