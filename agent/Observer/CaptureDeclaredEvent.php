<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Observer;

use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use MagentoEventBridge\Agent\Declared\DeclaredEvents;
use MagentoEventBridge\Agent\Fence;

/**
 * Observes the Magento events that own events come from.
 */
class CaptureDeclaredEvent implements ObserverInterface
{
    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var DeclaredEvents
     */
    private $events;

    /**
     * @param Fence $fence
     * @param DeclaredEvents $events
     */
    public function __construct(Fence $fence, DeclaredEvents $events)
    {
        $this->fence = $fence;
        $this->events = $events;
    }

    /**
     * @inheritdoc
     */
    public function execute(Observer $observer)
    {
        $event = $observer->getEvent();
        $name = (string)$event->getName();
        $this->fence->run($name, function () use ($name, $event): void {
            $this->events->on($name, $event);
        });
    }
}
