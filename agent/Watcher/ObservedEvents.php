<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\Event\Config\Data;
use MagentoEventBridge\Agent\Gate;

/**
 * Observes events that matter only after another one, from then on.
 *
 * Magento dispatches them for each page or each save of a cart, and etc/events.xml would have the agent called each time.
 */
class ObservedEvents
{
    public const AFTER_OTHERS = ['controller_front_send_response_before', 'sales_quote_save_after'];

    private const OBSERVER = 'eventbridge';

    /**
     * @var Data
     */
    private $observers;

    /**
     * @param Data $observers
     */
    public function __construct(Data $observers)
    {
        $this->observers = $observers;
    }

    /**
     * Observes an event until the process ends.
     */
    public function add(string $event): void
    {
        $this->observers->merge([
            $event => [self::OBSERVER => ['name' => self::OBSERVER, 'instance' => Gate::class]],
        ]);
    }
}
